import Foundation
import LocalStack
import TestSupport

/// The worker that admits people.
let queueRelease = Component.worker("queue-release")

/// Asks until the answer is another than "not just now", as such an answer says one may: on a machine with much to do Redis is late now and then.
func patiently(_ ask: () async throws -> HTTPAnswer) async throws -> HTTPAnswer {
    var answer = try await ask()
    let deadline = ContinuousClock.now + .seconds(30)
    while answer.status == 503, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(200))
        answer = try await ask()
    }
    return answer
}

extension Client {
    /// Asks for a place in an event's line.
    func join(_ event: Event, key: String? = nil) async throws -> HTTPAnswer {
        try await probe.post(
            "/api/v1/queue/join", json: #"{"event_id":"\#(event.id)"}"#, headers: key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    /// Gives the place back.
    func leave(_ event: Event) async throws -> HTTPAnswer { try await probe.send("DELETE", "/api/v1/queue/leave?event_id=\(event.id)") }

    /// Reads the place; with `etag` and `wait` it is a long-poll.
    func place(_ event: Event, etag: String? = nil, wait: Int? = nil) async throws -> HTTPAnswer {
        var headers: [(String, String)] = []
        if let etag { headers.append(("If-None-Match", etag)) }
        if let wait { headers.append(("Prefer", "wait=\(wait)")) }
        return try await probe.get("/api/v1/queue/status?event_id=\(event.id)", headers: headers)
    }

    /// Reserves with a pass.
    func reserve(_ zone: Event.Zone, pass: String?, quantity: Int = 1, key: String = newKey()) async throws -> HTTPAnswer {
        try await probe.post(
            "/api/v1/bookings/reserve", json: zone.body(quantity: quantity),
            headers: [("Idempotency-Key", key)] + (pass.map { [("X-Queue-Pass", $0)] } ?? []))
    }

    /// Waits, by long-polls, until the place says what is wanted.
    /// - Returns: its `data`.
    func place(_ event: Event, becomes what: String, limit: Duration = .seconds(60), _ holds: (JSONValue) -> Bool) async throws -> JSONValue {
        let deadline = ContinuousClock.now + limit
        var etag: String?
        var data = JSONValue.null
        while ContinuousClock.now < deadline {
            let answer = try await place(event, etag: etag, wait: 10)
            switch answer.status {
            case 200:
                data = answer.json["data"]
                if holds(data) { return data }
                etag = answer.header("ETag")
            case 304: continue
            case 429: try await Task.sleep(for: .seconds(1))
            default: throw TestFailure("place: \(answer.status) \(answer.text)")
            }
        }
        throw TestFailure("the place is not \(what) within \(limit): \(data)")
    }

    /// Waits for the turn.
    /// - Returns: the pass.
    func pass(_ event: Event, limit: Duration = .seconds(60)) async throws -> String {
        let data = try await place(event, becomes: "admitted", limit: limit) { $0["status"].string != "waiting" }
        guard data["status"].string == "admitted", let pass = data["queue_pass"].string else { throw TestFailure("not admitted: \(data)") }
        return pass
    }
}

extension Installation {
    /// An event that is sold through the waiting room.
    func lined(_ plan: EventPlan, mode: String = "fifo") async throws -> Event {
        let event = try await seed(plan)
        try await stack.startWorker(queueRelease.program)
        try await setMode(mode, of: event)
        return event
    }

    /// Switches an event's line, and waits until it is switched.
    func setMode(_ mode: String, of event: Event) async throws {
        let admin = try await operatorClient()
        let answer = try await admin.setMode(#"{"mode":"\#(mode)"}"#, of: event.id)
        let outcome = try await admin.outcome(of: try Client.Accepted(answer).operation)
        guard outcome["status"].string == "succeeded" else { throw TestFailure("not switched: \(outcome)") }
    }

    /// Does something while nobody is admitted.
    func withLineStanding<Result>(_ body: () async throws -> Result) async throws -> Result {
        await stack.stop(queueRelease)
        do {
            let result = try await body()
            try await stack.startWorker(queueRelease.program)
            return result
        } catch {
            try await stack.startWorker(queueRelease.program)
            throw error
        }
    }
}

extension Client {
    /// Asks to switch an event's line.
    func setMode(_ json: String, of event: String, key: String? = nil) async throws -> HTTPAnswer {
        try await probe.send(
            "PUT", "/api/v1/admin/events/\(event)/queue-mode",
            headers: [("Content-Type", "application/json")] + (key.map { [("Idempotency-Key", $0)] } ?? []), body: Array(json.utf8))
    }
}
