import Foundation
public import LocalStack

/// One user's way into an ingress.
public struct Client: Sendable {
    /// Who it is.
    public let user: User
    /// Carries the user's token.
    public let probe: HTTPProbe

    /// - Parameter probe: a client of the ingress, without a token.
    public init(user: User, probe: HTTPProbe) {
        self.user = user
        self.probe = probe.bearer(user.token)
    }

    /// A key that nobody used before.
    public static func newKey() -> String { UUID().uuidString }

    /// Reserves places of general admission.
    public func reserve(_ zone: Event.Zone, quantity: Int = 1, key: String = newKey()) async throws -> HTTPAnswer {
        try await reserve(json: zone.body(quantity: quantity), key: key)
    }

    /// Reserves named seats.
    public func reserve(_ zone: Event.Zone, seats: [String], key: String = newKey()) async throws -> HTTPAnswer {
        try await reserve(json: zone.body(seats: seats), key: key)
    }

    /// Reserves with a body as it is.
    public func reserve(json: String, key: String = newKey()) async throws -> HTTPAnswer {
        try await probe.post("/api/v1/bookings/reserve", json: json, headers: [("Idempotency-Key", key)])
    }

    /// A booking that was made; a failure when it was not.
    public struct Held: Sendable {
        /// The booking's id.
        public let id: String
        /// The `ETag` of its 202.
        public let etag: String
        /// When the hold ends.
        public let expiresAt: WallClock

        /// Reads a 202.
        /// - Throws: ``TestFailure`` for any other answer.
        public init(_ answer: HTTPAnswer) throws {
            guard answer.status == 202, let id = answer.json["data"]["booking_id"].string, let etag = answer.header("ETag"),
                let expires = WallClock(answer.json["data"]["expires_at"].string)
            else { throw TestFailure("not reserved: \(answer.status) \(answer.text)") }
            (self.id, self.etag, expiresAt) = (id, etag, expires)
        }
    }

    /// Reserves, and wants it to succeed.
    public func hold(_ zone: Event.Zone, quantity: Int = 1) async throws -> Held { try Held(await reserve(zone, quantity: quantity)) }

    /// Reads a booking; with `etag` and `wait` it is a long-poll.
    public func booking(_ id: String, etag: String? = nil, wait: Int? = nil) async throws -> HTTPAnswer {
        try await follow("/api/v1/bookings/\(id)", etag, wait)
    }

    /// Reads an operation; with `etag` and `wait` it is a long-poll.
    public func operation(_ id: String, etag: String? = nil, wait: Int? = nil) async throws -> HTTPAnswer {
        try await follow("/api/v1/operations/\(id)", etag, wait)
    }

    private func follow(_ path: String, _ etag: String?, _ wait: Int?) async throws -> HTTPAnswer {
        var headers: [(String, String)] = []
        if let etag { headers.append(("If-None-Match", etag)) }
        if let wait { headers.append(("Prefer", "wait=\(wait)")) }
        return try await probe.get(path, headers: headers)
    }

    /// Asks for a cancel.
    public func cancel(_ id: String, key: String? = newKey()) async throws -> HTTPAnswer {
        try await probe.post("/api/v1/bookings/\(id)/cancel", headers: key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    /// Waits, by long-polls, until a booking is in a final state.
    /// - Returns: its status.
    public func ending(of id: String, limit: Duration = .seconds(60)) async throws -> String {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let answer = try await booking(id, etag: "\"1\"", wait: 10)
            if answer.status == 200, let status = answer.json["data"]["status"].string, status != "reserved" { return status }
            if answer.status != 200 && answer.status != 304 && answer.status != 429 { throw TestFailure("\(answer.status) \(answer.text)") }
        }
        throw TestFailure("booking \(id) has not ended within \(limit)")
    }
}

/// Runs `count` pieces of work at the same time.
/// - Returns: their results, in the order of their numbers.
public func atOnce<Result: Sendable>(_ count: Int, _ work: @escaping @Sendable (Int) async throws -> Result) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        for number in 0..<count { group.addTask { (number, try await work(number)) } }
        var results: [Int: Result] = [:]
        for try await (number, result) in group { results[number] = result }
        return (0..<count).compactMap { results[$0] }
    }
}
