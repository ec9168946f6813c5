import Domain

/// What one process knows of an event's line: who watches it here, and whether it has moved.
struct WatchedLine {
    /// What a watcher has seen last.
    struct Shown {
        /// The place at the first look of one who knows ``known``.
        let entry: QueueEntry
        /// The version that the watcher has.
        let known: Int64
        let at: ContinuousClock.Instant = .now
        /// Whether the place may have moved already between ``known`` and ``entry``.
        var isBehind: Bool
        /// Departures that are missing to 5 %.
        var missing: Int64
        /// ``WatchedLine/departures`` at the last look.
        var departures: Int
        /// ``WatchedLine/changes`` at the last look.
        var changes: Int
    }

    private(set) var watched: [UserID: Shown] = [:]
    /// Newer than what was shown: from an event, or from this second's look.
    var fresh: [UserID: QueueEntry] = [:]
    /// People who left the line one way or another since it is watched: nobody has moved by more.
    private var departures = 0
    /// Events of the line itself: the order may be another.
    private var changes = 0
    /// Both when everybody had been looked at for the last time.
    private var seen = (departures: 0, changes: 0)
    /// Whether there may be one who ``Shown/isBehind``.
    private var isAnyBehind = false

    /// - Parameter known: the version that the watcher has. Of two watchers of one place the later counts; the other sees it at its next read.
    mutating func watch(_ entry: QueueEntry, known: Int64) {
        if let shown = watched[entry.user], shown.entry.id == entry.id, shown.known == known { return }
        watched[entry.user] = Shown(
            entry: entry, known: known, isBehind: known != entry.version, missing: Self.step(entry), departures: departures, changes: changes)
        if known != entry.version { isAnyBehind = true }
    }

    /// A twentieth of the place, rounded up.
    private static func step(_ entry: QueueEntry) -> Int64 { ((entry.position ?? 0) + 19) / 20 }

    mutating func take(_ event: QueueEvent) {
        switch event {
        case .line: changes += 1
        case .place(let place):
            // Where the order is random a newcomer moves others back, who see it at their next read.
            if place.status == .waiting { return }
            departures += 1
            guard watched[place.user]?.entry.id == place.id else { return }
            offer(
                QueueEntry(
                    id: place.id, event: place.event, user: place.user, status: place.status, position: nil, estimatedWaitSeconds: nil,
                    joinedAt: place.joinedAt, updatedAt: place.updatedAt, passExpiresAt: place.passExpiresAt, viewedAt: place.updatedAt))
        }
    }

    /// Whose place may have moved by 5 % since it was shown, which is long enough ago.
    mutating func due(_ now: ContinuousClock.Instant) -> [UserID] {
        if seen == (departures, changes), !isAnyBehind { return [] }
        var users: [UserID] = []
        var isLeft = false
        for (user, shown) in watched where mayHaveMoved(shown) {
            if now - shown.at >= QueueEntry.steady { users.append(user) } else { isLeft = true }
        }
        if !isLeft { (seen, isAnyBehind) = ((departures, changes), false) }
        return users
    }

    /// Takes what a look has found.
    /// - Returns: who is to be woken.
    mutating func show(_ entries: [QueueEntry]) -> [UUIDBits] {
        entries.compactMap { entry in
            guard var shown = watched[entry.user], shown.entry.id == entry.id else { return nil }
            (shown.departures, shown.changes, shown.isBehind) = (departures, changes, false)
            shown.missing = max(1, Self.step(shown.entry) - abs((entry.position ?? 0) - (shown.entry.position ?? 0)))
            watched[entry.user] = shown
            guard entry.differs(from: shown.known) else { return nil }
            offer(entry)
            return entry.id.bits
        }
    }

    mutating func forget(_ entry: QueueEntry) {
        if watched[entry.user]?.entry.id == entry.id { watched[entry.user] = nil }
    }

    private func mayHaveMoved(_ shown: Shown) -> Bool {
        if shown.isBehind || changes != shown.changes { return true }
        return shown.entry.position != nil && Int64(departures - shown.departures) >= max(1, shown.missing)
    }

    /// The newer of two views stays.
    private mutating func offer(_ entry: QueueEntry) {
        if let known = fresh[entry.user], known.version > entry.version { return }
        fresh[entry.user] = entry
    }
}
