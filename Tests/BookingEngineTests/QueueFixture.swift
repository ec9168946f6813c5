import Domain
import Foundation
import RedisClient
import Testing

@testable import BookingEngine

/// The waiting room of one event.
extension Fixture {
    func open(_ mode: QueueMode = .fifo) async throws {
        _ = try await load()
        _ = try await engine.setQueueMode(event: settings.event, mode: mode, actor: "test")
    }

    @discardableResult
    func join(_ user: UserID = Fixture.id(), age: Int64? = nil, entry: QueueEntryID? = nil) async throws -> QueueJoinOutcome {
        try await engine.joinQueue(.init(event: settings.event, user: user, age: age, entry: entry))
    }

    func joined(_ count: Int) async throws -> [UserID] {
        let users: [UserID] = (0..<count).map { _ in Fixture.id() }
        for user in users { try await join(user) }
        return users
    }

    func entry(_ user: UserID) async throws -> QueueEntry {
        let entry = try await engine.queueEntry(event: settings.event, user: user)
        return try #require(entry)
    }

    func statuses(_ users: [UserID]) async throws -> [QueueEntry.Status?] {
        try await engine.queueEntries(event: settings.event, users: users).map { $0?.status }
    }

    func admit() async throws -> AdmitReport { try await engine.admit([settings.event])[0].get() }

    /// Rounds until one has nothing more to do at once, when the last second is over.
    func round() async throws -> AdmitReport {
        let limit = ContinuousClock.now + .seconds(10)
        var report = try await admit()
        while report.hasMore || (report.admitted == 0 && report.next < .seconds(1)), ContinuousClock.now < limit {
            try await Task.sleep(for: report.hasMore ? .zero : report.next)
            report = try await admit()
        }
        return report
    }

    func reserve(_ user: UserID, pass: QueueEntryID?, quantity: Int = 1) async throws -> ReserveOutcome {
        let fields = #"{"event_id":"\#(settings.event)","show_id":"\#(settings.show)","zone_id":"\#(settings.zone)","quantity":\#(quantity)}"#
        let request = try ReserveRequest(json: Array(fields.utf8))
        let context = BookingEngine.ReserveContext(
            user: user, idempotencyKey: UUID().uuidString, bodyHash: "00", trace: "", age: nil, pass: pass)
        return try await withUnsafeContinuation { continuation in
            engine.reserve(request, context, booking: .make(nowMs: BookingEngine.wallClockMs(), shard: shard)) { continuation.resume(returning: $0) }
        }.get().outcome
    }

    /// The events of the line in the order of their writing.
    func queueEvents() async throws -> [QueueEvent] {
        let entries = (try await engine.redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", "+")).elements ?? [])
            .compactMap { OutboxEntry($0, shard: shard) }
        return try entries.filter { $0.type.topic == .queueEvents }.map { try QueueEvent(json: $0.value) }
    }

    /// Whether Redis knows the event's line as the events tell of it, from a line that was put back from nothing but them.
    func lineDisagreements(_ users: [UserID]) async throws -> [String] {
        var found: [String] = []
        let events = try await queueEvents()
        var state = QueueState()
        var version: Int64 = 0
        for event in events {
            state.take(event)
            let next =
                switch event {
                case .place(let place): place.version
                case .line(let line): line.version
                }
            if next <= version { found.append("version \(next) after \(version)") }
            version = next
        }
        func members(_ key: String) async throws -> [String] {
            (try await engine.redis.send(RedisCommand("ZRANGE", "\(key):{\(shard)}:\(settings.event)", "0", "-1")).elements ?? []).compactMap(\.text)
        }
        let before = (try await members("line"), try await members("early"), try await members("passes"))
        // A pass that ran out a moment ago is told of in the next round.
        func known() async throws -> [QueueEntry.Status?] { try await statuses(users).map { $0 == .lapsed ? .admitted : $0 } }
        let seen = try await known()
        for (user, status) in zip(users, seen) {
            let told = state.places[user]?.status
            if status != (told == .lapsed ? .admitted : told) { found.append("\(user) is \(status.map(\.rawValue) ?? "unknown")") }
        }
        for key in ["queue", "line", "early", "passes", "entries"] {
            _ = try await engine.redis.send(RedisCommand("DEL", "\(key):{\(shard)}:\(settings.event)"))
        }
        _ = try await engine.restoreQueue(settings.event, state)
        let after = (try await members("line"), try await members("early"), try await members("passes"))
        if before.0 != after.0 { found.append("line of \(before.0.count), then \(after.0.count)") }
        if before.1 != after.1 { found.append("early \(before.1.count), then \(after.1.count)") }
        if before.2 != after.2 { found.append("passes \(before.2.count), then \(after.2.count)") }
        if try await known() != seen { found.append("places") }
        if try await engine.restoreQueue(settings.event, state) != 0 { found.append("put back twice") }
        return found
    }
}

extension QueueJoinOutcome {
    var entry: QueueEntry? {
        switch self {
        case .joined(let entry, _), .kept(let entry): entry
        default: nil
        }
    }
}
