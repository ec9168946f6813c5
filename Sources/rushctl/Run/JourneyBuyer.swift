import Foundation
import LocalStack

/// What a person does in the journey, over HTTP.
struct JourneyBuyer {
    /// Where the places are.
    struct Place {
        let event: String
        let show: String
        let zone: String
    }

    let probe: HTTPProbe

    func place(zone name: String) async throws -> Place {
        let events = try await probe.get("/api/v1/events?search=midnight")
        guard let event = events.json["data"][0]["id"].string else { throw Self.unexpected(events) }
        let shows = try await probe.get("/api/v1/events/\(event)/shows")
        guard let show = shows.json["data"][0]["id"].string else { throw Self.unexpected(shows) }
        let zones = try await probe.get("/api/v1/shows/\(show)/zones")
        guard let zone = zones.json["data"].array?.first(where: { $0["name"].string == name }), let id = zone["id"].string,
            zone["available"].int == zone["capacity"].int
        else { throw Self.unexpected(zones) }
        return Place(event: event, show: show, zone: id)
    }

    func reserve(_ place: Place, quantity: Int) async throws -> String {
        let answer = try await probe.post(
            "/api/v1/bookings/reserve",
            json: #"{"event_id":"\#(place.event)","show_id":"\#(place.show)","zone_id":"\#(place.zone)","quantity":\#(quantity)}"#,
            headers: [("Idempotency-Key", UUID().uuidString)])
        guard answer.status == 202, let id = answer.json["data"]["booking_id"].string else { throw Self.unexpected(answer) }
        return id
    }

    func pay(_ booking: String) async throws -> (payment: String, operation: String) {
        let answer = try await probe.post(
            "/api/v1/payments", json: #"{"booking_id":"\#(booking)","method":"card","payment_token":"pm_card_visa"}"#,
            headers: [("Idempotency-Key", UUID().uuidString)])
        guard answer.status == 202, let payment = answer.json["data"]["payment_id"].string,
            let operation = answer.json["data"]["operation_id"].string
        else { throw Self.unexpected(answer) }
        return (payment, operation)
    }

    /// Starts what a worker does.
    /// - Returns: the operation.
    func operate(_ path: String) async throws -> String {
        let answer = try await probe.post("/api/v1/\(path)", headers: [("Idempotency-Key", UUID().uuidString)])
        guard answer.status == 202, let operation = answer.json["data"]["operation_id"].string else { throw Self.unexpected(answer) }
        return operation
    }

    /// Long-polls, from version to version, until the booking has the status.
    func awaitStatus(of booking: String, _ status: String) async throws {
        var version: String?
        let deadline = ContinuousClock.now + .seconds(25)
        while true {
            let headers = version.map { [("If-None-Match", $0), ("Prefer", "wait=20")] } ?? []
            let answer = try await probe.get("/api/v1/bookings/\(booking)", headers: headers)
            if answer.status == 200, answer.json["data"]["status"].string == status { return }
            guard answer.status == 200 || answer.status == 304, ContinuousClock.now < deadline else { throw Self.unexpected(answer) }
            version = answer.header("ETag") ?? version
        }
    }

    func awaitSuccess(of operation: String) async throws {
        let answer = try await probe.get("/api/v1/operations/\(operation)", headers: [("If-None-Match", "\"1\""), ("Prefer", "wait=20")])
        guard answer.status == 200, answer.json["data"]["status"].string == "succeeded" else { throw Self.unexpected(answer) }
    }

    func awaitProjection(of booking: String) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            let list = try await probe.get("/api/v1/bookings").json["data"].array ?? []
            if list.contains(where: { $0["booking_id"].string == booking && $0["projected"].bool == true }) { return }
            if ContinuousClock.now >= deadline { throw Journey.Failure(description: "the booking is not projected within 10 s") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    func ticketReference(of booking: String) async throws -> String {
        let answer = try await probe.get("/api/v1/bookings/\(booking)")
        guard let reference = answer.json["data"]["ticket_reference"].string else { throw Self.unexpected(answer) }
        return reference
    }

    /// The code of the booking's first e-ticket.
    func ticketCode(of booking: String) async throws -> String {
        let answer = try await probe.get("/api/v1/bookings/\(booking)/ticket")
        guard let code = answer.json["data"]["tickets"][0]["code"].string else { throw Self.unexpected(answer) }
        return code
    }

    /// Stands at the door: the code lets one in, and not a second time.
    func letIn(_ code: String) async throws {
        let first = try await probe.post("/api/v1/tickets/verify", json: #"{"code":"\#(code)"}"#)
        guard first.status == 200 else { throw Self.unexpected(first) }
        let second = try await probe.post("/api/v1/tickets/verify", json: #"{"code":"\#(code)"}"#)
        guard second.status == 409 else { throw Self.unexpected(second) }
    }

    /// Waits until so many mails of each kind are sent.
    func awaitMails(_ wanted: [String: Int]) async throws {
        try await awaitData("/api/v1/notifications?per_page=100", "the mails are not sent") { data in
            let sent = (data.array ?? []).filter { $0["channel"].string == "email" && $0["status"].string == "sent" }
            return wanted.allSatisfy { kind, count in sent.count { $0["type"].string == kind } == count }
        }
    }

    /// Waits until the event's figures are these.
    func awaitFigures(of event: String, _ wanted: [String: Int]) async throws -> [String: Int] {
        let data = try await awaitData("/api/v1/analytics/events/\(event)/realtime", "the figures are not those of the journey") { data in
            wanted.allSatisfy { data["totals"][$0.key].int == $0.value }
        }
        return wanted.reduce(into: [:]) { $0[$1.key] = data["totals"][$1.key].int }
    }

    /// Waits until the audit has these actions of the booking.
    /// - Returns: all it has, oldest first.
    func awaitTrail(of booking: String, _ wanted: [String]) async throws -> [String] {
        func actions(_ data: JSONValue) -> [String] { (data.array ?? []).reversed().compactMap { $0["action"].string } }
        let data = try await awaitData("/api/v1/admin/audit-logs?entity=booking&entity_id=\(booking)&per_page=100", "the audit is not whole") {
            Set(wanted).isSubset(of: actions($0))
        }
        return actions(data)
    }

    /// Asks until the answer's data is as wanted.
    @discardableResult
    private func awaitData(_ path: String, _ otherwise: String, until isDone: (JSONValue) -> Bool) async throws -> JSONValue {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let answer = try await probe.get(path)
            if answer.status == 200, isDone(answer.json["data"]) { return answer.json["data"] }
            // These routes have a limit of 100 requests a minute.
            guard answer.status == 200, ContinuousClock.now < deadline else {
                throw Journey.Failure(description: "\(otherwise): \(answer.status) \(answer.text)")
            }
            try await Task.sleep(for: .milliseconds(1000))
        }
    }

    /// The only refund of this buyer.
    func refund() async throws -> String {
        let answer = try await probe.get("/api/v1/refunds")
        guard let refunds = answer.json["data"].array, refunds.count == 1, let id = refunds[0]["refund_id"].string else {
            throw Self.unexpected(answer)
        }
        return id
    }

    private static func unexpected(_ answer: HTTPAnswer) -> Journey.Failure {
        Journey.Failure(description: "unexpected answer \(answer.status): \(answer.text)")
    }
}
