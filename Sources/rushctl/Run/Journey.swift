import Foundation
import LocalStack

/// The main job: two bookings through their life, over the public HTTP API only.
final class Journey {
    struct Report: Codable, Sendable {
        struct Step: Codable, Sendable {
            var name: String
            var ms: Int
        }
        var ok: Bool
        var bookingID: String
        var steps: [Step]
        var error: String?
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let installation: Installation
    private(set) var report = Report(ok: false, bookingID: "", steps: [])

    init(installation: Installation) {
        self.installation = installation
    }

    var ok: Bool { report.ok }

    func fail(_ error: any Error) {
        report.ok = false
        report.error = "\(error)"
        Output.progress("failed: \(error)")
    }

    func run() async throws {
        let catalogue = try await step("bring everything up") { try await installation.start(.demo) }
        let probe = try installation.stack.probe().bearer(await installation.token())
        guard let zone = catalogue.events.first?.shows.first?.zones.first(where: { $0.seatIds.isEmpty }) else {
            throw Failure(description: "no zone")
        }
        let event = try await step("find the event over HTTP") { try await Self.ids(probe, zone: zone.name) }

        let booking = try await step("reserve two places") { try await Self.reserve(probe, event, quantity: 2) }
        report.bookingID = booking
        let version = try await step("read it back") {
            let answer = try await probe.get("/api/v1/bookings/\(booking)")
            try Self.expect(answer, 200, "status", "reserved")
            return answer.header("ETag") ?? ""
        }
        try await step("see it arrive in the list, from PostgreSQL") {
            try await Self.until(.seconds(10), "the booking is projected") {
                let list = try await probe.get("/api/v1/bookings").json["data"].array ?? []
                return list.contains { $0["booking_id"].string == booking && $0["projected"].bool == true }
            }
        }
        let operation = try await step("cancel it") {
            let answer = try await probe.post("/api/v1/bookings/\(booking)/cancel", headers: [("Idempotency-Key", "cancel-\(booking)")])
            guard answer.status == 202, let id = answer.json["data"]["operation_id"].string else { throw Self.unexpected(answer) }
            return id
        }
        try await step("long-poll to cancelled") {
            let answer = try await probe.get("/api/v1/bookings/\(booking)", headers: [("If-None-Match", version), ("Prefer", "wait=20")])
            try Self.expect(answer, 200, "status", "cancelled")
        }
        try await step("see the operation succeed") {
            let answer = try await probe.get("/api/v1/operations/\(operation)", headers: [("If-None-Match", "\"1\""), ("Prefer", "wait=20")])
            try Self.expect(answer, 200, "status", "succeeded")
        }
        try await step("let a second booking expire") {
            let second = try await Self.reserve(probe, event, quantity: 1)
            let answer = try await probe.get("/api/v1/bookings/\(second)", headers: [("If-None-Match", "\"1\""), ("Prefer", "wait=25")])
            try Self.expect(answer, 200, "status", "expired")
        }
        let check = try await step("check the inventory") { try await InventoryCheck.run(settings: installation.settings, wait: .seconds(30)) }
        if !check.ok || !check.atRest {
            check.print()
            throw Failure(description: check.ok ? "the installation did not come to rest" : "an invariant is broken")
        }
        report.ok = true
    }

    private func step<T>(_ name: String, _ body: () async throws -> T) async throws -> T {
        let start = ContinuousClock.now
        do {
            let result = try await body()
            let ms = Int((ContinuousClock.now - start) / .milliseconds(1))
            report.steps.append(.init(name: name, ms: ms))
            print("\(name): \(ms) ms")
            return result
        } catch {
            throw error is CancellationError ? error : Failure(description: "\(name): \(error)")
        }
    }

    private static func ids(_ probe: HTTPProbe, zone name: String) async throws -> (event: String, show: String, zone: String) {
        let events = try await probe.get("/api/v1/events?search=midnight")
        guard let event = events.json["data"][0]["id"].string else { throw unexpected(events) }
        let shows = try await probe.get("/api/v1/events/\(event)/shows")
        guard let show = shows.json["data"][0]["id"].string else { throw unexpected(shows) }
        let zones = try await probe.get("/api/v1/shows/\(show)/zones")
        guard let zone = zones.json["data"].array?.first(where: { $0["name"].string == name }), let id = zone["id"].string,
            zone["available"].int == zone["capacity"].int
        else { throw unexpected(zones) }
        return (event, show, id)
    }

    private static func reserve(_ probe: HTTPProbe, _ ids: (event: String, show: String, zone: String), quantity: Int) async throws -> String {
        let answer = try await probe.post(
            "/api/v1/bookings/reserve",
            json: #"{"event_id":"\#(ids.event)","show_id":"\#(ids.show)","zone_id":"\#(ids.zone)","quantity":\#(quantity)}"#,
            headers: [("Idempotency-Key", UUID().uuidString)])
        guard answer.status == 202, let id = answer.json["data"]["booking_id"].string else { throw unexpected(answer) }
        return id
    }

    private static func until(_ limit: Duration, _ condition: String, _ body: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while !(try await body()) {
            if ContinuousClock.now >= deadline { throw Failure(description: "not within \(limit): \(condition)") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func expect(_ answer: HTTPAnswer, _ status: Int, _ field: String, _ value: String) throws {
        guard answer.status == status, answer.json["data"][field].string == value else { throw unexpected(answer) }
    }

    private static func unexpected(_ answer: HTTPAnswer) -> Failure { Failure(description: "unexpected answer \(answer.status): \(answer.text)") }
}
