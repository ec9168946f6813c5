import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// What the topics tell, read with a tool that knows nothing of ours.
    @Suite struct Events {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func bookingIsACloudEventKeyedByItsIDThatCarriesTheTrace() async throws {
            let zone = try await installation.seed(EventPlan(.numbered(rows: 1, seatsPerRow: 3))).zone
            let client = try await installation.client()
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            let answer = try await client.probe.post(
                "/api/v1/bookings/reserve", json: zone.body(seats: [zone.seats[1], zone.seats[2]]),
                headers: [("Idempotency-Key", "first"), ("traceparent", "00-\(trace)-00f067aa0ba902b7-01")])
            let held = try Client.Held(answer)
            #expect(try await client.cancel(held.id).status == 202)
            #expect(try await client.ending(of: held.id) == "cancelled")
            var records: [(headers: [String: String], value: JSONValue)] = []
            try await waitUntil("both events are on the topic") {
                records = try await TopicReader.records("booking.events", key: held.id, installation)
                return records.count >= 2
            }
            #expect(records.map { $0.headers["ce_type"] } == ["booking.created.v1", "booking.cancelled.v1"])
            for (headers, _) in records {
                #expect(headers["ce_specversion"] == "1.0" && headers["ce_subject"] == held.id)
                #expect(headers["ce_source"]?.isEmpty == false && WallClock(headers["ce_time"]) != nil)
                #expect(headers["content-type"]?.hasPrefix("application/json") == true)
            }
            #expect(Set(records.map { $0.headers["ce_id"] }).count == 2)
            #expect(records[0].headers["traceparent"]?.contains(trace) == true)
            // An event is the whole state after the transition.
            for (value, status) in zip(records.map(\.value), ["reserved", "cancelled"]) {
                #expect(value["booking_id"].string == held.id && value["status"].string == status && value["user_id"].string == client.user.id)
                #expect(value["seat_ids"].array?.compactMap(\.string) == [zone.seats[1], zone.seats[2]])
                #expect(value["total_minor"].int == 300_000 && value["currency"].string == "THB" && value["idempotency_key"].string == "first")
                #expect(value["expires_at_ms"].int.map(Int64.init) == held.expiresAt.ms)
                let counts = value["zone"]
                #expect(counts["capacity"].int == 3 && counts["sold"].int == 0)
                #expect([counts["available"].int, counts["held"].int] == (status == "reserved" ? [1, 2] : [3, 0]))
            }
            #expect((records[1].value["zone"]["version"].int ?? 0) > (records[0].value["zone"]["version"].int ?? 0))
        }
    }
}
