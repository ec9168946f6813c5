public import Domain
import LuaScripts
import RedisClient

extension BookingEngine {
    /// Somebody who wants to join a line.
    public struct QueueJoin: Sendable {
        public let event: EventID
        public let user: UserID
        /// Years, when known.
        public let age: Int64?
        /// Of the place, should it be a new one; a call that is made again must have the same.
        public let entry: QueueEntryID
        /// W3C traceparent, or empty.
        public let trace: String

        public init(event: EventID, user: UserID, age: Int64?, entry: QueueEntryID? = nil, trace: String = "") {
            self.event = event
            self.user = user
            self.age = age
            self.entry = entry ?? .make(nowMs: BookingEngine.wallClockMs(), shard: Shard(of: event))
            self.trace = trace
        }
    }

    /// Puts somebody in line, unless it is clear already that it would be in vain. Joining twice keeps the place.
    public func joinQueue(_ join: QueueJoin) async throws(EngineError) -> QueueJoinOutcome {
        let call = QueueCall(join.event, trace: join.trace)
        let reply = try await ask(
            LuaScript.joinQueue,
            call.with(
                .int(queueLimits.batch), .string(join.user.description), .string(join.entry.description), .string(join.age.map(String.init) ?? ""),
                .int(limits.outboxLimit), .int(queueLimits.opensBefore.inMilliseconds), .string(QueueCall.seed())))
        let (name, parts) = try Self.outcome("join queue", reply)
        switch name {
        case "joined", "kept":
            guard let entry = parts.first.flatMap({ call.entry($0, join.user) }) else { break }
            if name == "joined" { return .joined(entry, parts.dropFirst().first.flatMap { call.told($0) }) }
            // Our own place under our own id: the reply to the first call was lost.
            return entry.id == join.entry ? .joined(entry, nil) : .kept(entry)
        case "off": return .off
        case "closed": return .closed
        case "not_open": if let opens = parts.first?.int { return .notOpenYet(Timestamp(ms: opens)) }
        case "age_restricted": if let minimum = parts.first?.int { return .ageRestricted(minimum: minimum) }
        case "over_limit":
            if parts.count == 2, let limit = parts[0].int, let held = parts[1].int { return .overLimit(limit: limit, alreadyHeld: held) }
        case "sold_out": return .soldOut
        case "unknown":
            try await requireMemory("join queue")
            return .eventUnknown
        case "outbox_full": return .outboxFull
        default: break
        }
        throw .unexpected("join queue", reply)
    }

    /// Takes somebody out of the line, or a pass back.
    public func leaveQueue(event: EventID, user: UserID, trace: String = "") async throws(EngineError) -> QueueLeaveOutcome {
        let call = QueueCall(event, trace: trace)
        let reply = try await ask(LuaScript.leaveQueue, call.with(.int(queueLimits.batch), .string(user.description)))
        let (name, parts) = try Self.outcome("leave queue", reply)
        let entry = parts.first.flatMap { call.entry($0, user) }
        switch (name, entry) {
        case ("left", let entry?): return .left(entry, parts.dropFirst().first.flatMap { call.told($0) })
        case ("not_in_line", let entry):
            if entry == nil { try await requireMemory("leave queue") }
            return .notInLine(entry)
        default: throw .unexpected("leave queue", reply)
        }
    }

    /// The place that a user has or had last in an event's line; nil where there never was one.
    public func queueEntry(event: EventID, user: UserID) async throws(EngineError) -> QueueEntry? {
        let entry = try await queueEntries(event: event, users: [user])[0]
        if entry == nil { try await requireMemory("read queue entry") }
        return entry
    }

    /// The same of many users at once: one call for each ``entriesAtOnce``, in O(log n) each.
    public func queueEntries(event: EventID, users: [UserID]) async throws(EngineError) -> [QueueEntry?] {
        let call = QueueCall(event)
        let chunks = stride(from: 0, to: users.count, by: Self.entriesAtOnce).map { users[$0..<min($0 + Self.entriesAtOnce, users.count)] }
        let replies = try await evaluate(
            LuaScript.queueEntries, chunks.map { chunk in call.with([.int(queueLimits.batch)] + chunk.map { .string($0.description) }) })
        var entries: [QueueEntry?] = []
        entries.reserveCapacity(users.count)
        for (chunk, reply) in zip(chunks, replies) {
            guard let parts = reply.elements, parts.count == chunk.count else { throw .unexpected("read queue entries", reply) }
            for (user, part) in zip(chunk, parts) { entries.append(call.entry(part, user)) }
        }
        return entries
    }

    /// Places read in one call of the script: some 2 ms of Redis' time.
    public static let entriesAtOnce = 250

    /// An event's line; nil where it never had one.
    public func queueLine(_ event: EventID) async throws(EngineError) -> QueueLine? {
        let reply = try await ask(LuaScript.queueLine, QueueCall(event).with())
        guard let parts = reply.elements, parts.count == 10 else { return nil }
        guard let tenant = parts[0].text.flatMap({ TenantID($0) }), let mode = parts[1].text.flatMap(QueueMode.init(rawValue:)),
            let origin = parts[2].text.flatMap(QueueModeOrigin.init(rawValue:)), let actor = parts[3].text, let seed = parts[4].text,
            let drawnTo = parts[5].int, let version = parts[6].int, let updated = parts[7].int
        else { throw .unexpected("read queue", reply) }
        return QueueLine(
            event: event, tenant: tenant, mode: mode, origin: origin, actor: actor, seed: seed.isEmpty ? nil : seed, drawnTo: drawnTo,
            version: version, updatedAt: Timestamp(ms: updated), waiting: parts[8].int, admitted: parts[9].int)
    }
}
