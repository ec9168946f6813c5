import Domain
import Foundation
import LocalStack
import Synchronization

/// The people of the queue's bench: each joins, waits by long-polls, and buys when admitted.
final class QueueCrowd: Sendable {
    /// Answer to a join.
    struct Joined: Sendable {
        let person: Int
        let body: [UInt8]
    }

    /// What became of one person.
    struct Story: Sendable {
        /// `bought`, `sold_out` and the like.
        var ending: String
        var joinedAtMs: Int64 = 0
        /// What the join said, in seconds.
        var estimate: Int?
        var admittedAtMs: Int64?
        /// From the admission in Redis to the answer that told it.
        var turnToldMs: Int64?
    }

    /// A place as the API tells it.
    private struct Place: Decodable {
        let status: String
        let version: Int64
        let joinedAt: String
        let updatedAt: String
        let estimatedWaitSeconds: Int?
        let queuePass: String?
    }

    private struct Envelope<Value: Decodable>: Decodable { let data: Value }
    private struct Booked: Decodable { let bookingId: String }
    private struct Begun: Decodable { let operationId: String }
    private struct Ended: Decodable { let status: String }

    /// How often those ask for whom there is no long-poll.
    private static let pause: Duration = .seconds(10)
    /// The longest that somebody waits.
    private static let patience: Duration = .seconds(600)

    private let probe: HTTPProbe
    private let event: Seeder.Report.Event
    private let tokens: [String]
    private let longPolls: Int
    private let waits = Mutex(0)
    private let isPaying = Mutex(false)

    /// - Parameter longPolls: at once, at most.
    init(port: Int, event: Seeder.Report.Event, tokens: [String], longPolls: Int) {
        self.longPolls = longPolls
        probe = HTTPProbe(port: port)
        self.event = event
        self.tokens = tokens
    }

    /// Long-polls under way.
    var waiting: Int { waits.withLock { $0 } }

    /// Lets those who hold a seat pay. Before that nothing is sold for good, so that nobody is turned away at the door.
    func letPay() { isPaying.withLock { $0 = true } }

    func appendJoin(_ person: Int, to bytes: inout [UInt8]) {
        let body = #"{"event_id":"\#(event.eventID)"}"#
        bytes.append(
            contentsOf: """
                POST /api/v1/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\
                Authorization: Bearer \(tokens[person])\r\n\r\n\(body)
                """.utf8)
    }

    /// Follows everybody who has joined, to the end.
    func follow(_ joined: AsyncStream<Joined>) async -> [Story] {
        await withTaskGroup(of: Story.self) { group in
            for await one in joined {
                group.addTask {
                    do {
                        return try await self.story(of: one)
                    } catch {
                        return Story(ending: "\(error)")
                    }
                }
            }
            var stories: [Story] = []
            for await story in group { stories.append(story) }
            return stories
        }
    }

    /// Tries to reserve without having joined or been admitted.
    /// - Returns: how many were not refused as they should be.
    func reserveWithoutPass(_ count: Int) async throws -> Int {
        var leaks = 0
        for person in (tokens.count - count)..<tokens.count {
            let answer = try await reserve(person, pass: nil)
            if answer.status != 429 { leaks += 1 }
        }
        return leaks
    }

    private func story(of joined: Joined) async throws -> Story {
        let first = try Self.read(Place.self, joined.body)
        var story = Story(ending: "waiting", joinedAtMs: Self.ms(first.joinedAt), estimate: first.estimatedWaitSeconds)
        var version = first.version
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            let answer = try await poll(joined.person, version)
            if answer.status == 304 { continue }
            if answer.status == 429 {
                try await Task.sleep(for: .seconds(2))
                continue
            }
            guard answer.status == 200 else {
                story.ending = "status \(answer.status)"
                return story
            }
            let place = try Self.read(Place.self, answer.body)
            version = place.version
            if place.status == "waiting" { continue }
            story.ending = place.status
            guard place.status == "admitted", let pass = place.queuePass else { return story }
            story.admittedAtMs = Self.ms(place.updatedAt)
            story.turnToldMs = Int64(Date().timeIntervalSince1970 * 1000) - Self.ms(place.updatedAt)
            story.ending = try await buy(joined.person, pass)
            return story
        }
        return story
    }

    private func poll(_ person: Int, _ version: Int64) async throws -> HTTPAnswer {
        let mayWait = waits.withLock { waits in
            if waits < longPolls { waits += 1 } else { return false }
            return true
        }
        defer { if mayWait { waits.withLock { $0 -= 1 } } }
        if !mayWait { try await Task.sleep(for: Self.pause) }
        return try await probe.bearer(tokens[person]).get(
            "/api/v1/queue/status?event_id=\(event.eventID)",
            headers: [("If-None-Match", "\"\(version)\"")] + (mayWait ? [("Prefer", "wait=30")] : []))
    }

    private func buy(_ person: Int, _ pass: String) async throws -> String {
        let held = try await reserve(person, pass: pass)
        guard held.status == 202 else { return "reserve \(held.status)" }
        let booking = try Self.read(Booked.self, held.body).bookingId
        while !isPaying.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(200)) }
        let mine = probe.bearer(tokens[person])
        let accepted = try await mine.post(
            "/api/v1/payments", json: #"{"booking_id":"\#(booking)","method":"card","payment_token":"pm_card_visa"}"#,
            headers: [("Idempotency-Key", "bench-pay-\(person)")])
        guard accepted.status == 202 else { return "payment \(accepted.status)" }
        let operation = try Self.read(Begun.self, accepted.body).operationId
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            let answer = try await mine.get("/api/v1/operations/\(operation)", headers: [("If-None-Match", "\"1\""), ("Prefer", "wait=30")])
            guard answer.status == 200 else { continue }
            let ended = try Self.read(Ended.self, answer.body)
            if ended.status != "pending" { return ended.status == "succeeded" ? "bought" : "payment \(ended.status)" }
        }
        return "payment without an end"
    }

    private func reserve(_ person: Int, pass: String?) async throws -> HTTPAnswer {
        let show = event.shows[0]
        return try await probe.bearer(tokens[person]).post(
            "/api/v1/bookings/reserve",
            json: #"{"event_id":"\#(event.eventID)","show_id":"\#(show.showID)","zone_id":"\#(show.zones[0].zoneID)","quantity":1}"#,
            headers: [("Idempotency-Key", "bench-\(person)-\(pass == nil)")] + (pass.map { [("X-Queue-Pass", $0)] } ?? []))
    }

    private static func read<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Envelope<Value>.self, from: Data(body)).data
    }

    private static func ms(_ text: String) -> Int64 { Timestamp(rfc3339: text)?.ms ?? 0 }
}
