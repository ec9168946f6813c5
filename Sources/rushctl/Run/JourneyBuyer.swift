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
