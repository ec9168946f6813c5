import KafkaClient

/// Sets a consumer group's offsets back, or forth.
struct GroupReset {
    /// How long members that were stopped may take to leave: a session of a member that was killed, and some more.
    static let leaving = Duration.seconds(30)

    let desk: ReplayDesk
    let admin: KafkaAdmin

    func run(_ work: ReplayStore.Work, _ group: String, _ owner: String) async throws -> ReplayReport {
        var start: (@Sendable () async throws -> Void)?
        if work.request.stopFleet, let stop = desk.stopFleet, try await admin.group(group)?.members ?? 0 > 0 { start = try await stop(group) }
        let result: Result<ReplayReport, any Error>
        do {
            result = .success(try await set(work, group, owner))
        } catch {
            result = .failure(error)
        }
        // Whatever became of the offsets, the fleet is not left standing.
        if let start { try await Task { try await start() }.value }
        return try result.get()
    }

    private func set(_ work: ReplayStore.Work, _ group: String, _ owner: String) async throws -> ReplayReport {
        let limit = ContinuousClock.now + (work.request.stopFleet ? Self.leaving : .zero)
        var members = try await admin.group(group)?.members ?? 0
        while members > 0, ContinuousClock.now < limit {
            try await Task.sleep(for: .milliseconds(200))
            members = try await admin.group(group)?.members ?? 0
        }
        let message = "\(group) has \(members) active members"
        if members > 0 { throw ReplayError(.activeMembers, "set offsets", message) }
        try desk.checkpoint("before the offsets are set")
        let offsets = Dictionary(uniqueKeysWithValues: work.stretches.map { ($0.partition, $0.from) })
        do {
            try await admin.setOffsets(group: group, offsets)
        } catch {
            guard error.code == .rebalanced else { throw error }
            throw ReplayError(.activeMembers, "set offsets", "\(group) has active members", underlying: error)
        }
        try desk.checkpoint("after the offsets were set")
        let report = ReplayReport(
            id: work.id, kind: "group", target: group, topic: work.request.topic, read: 0,
            taken: work.stretches.reduce(0) { $0 + $1.until - $1.from }, leftOut: 0, seconds: 0,
            offsets: Dictionary(uniqueKeysWithValues: offsets.map { ("\($0.key.partition)", $0.value) }))
        let store = desk.store
        try await desk.database.transaction { connection in
            try store.extend(
                work.id,
                work.stretches.map {
                    var done = $0
                    (done.next, done.taken) = (done.until, done.until - done.from)
                    return done
                }, on: connection)
            try store.succeed(report, owner: owner, on: connection)
        }
        return report
    }
}
