import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Server-sent events of a booking.
    @Suite struct Stream {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private func statuses(_ events: [ServerSentEvent]) throws -> [String?] {
            try events.map { try JSONDecoder().decode(JSONValue.self, from: Data($0.data.utf8))["status"].string }
        }

        private func all(_ stream: HTTPStream) async throws -> [ServerSentEvent] {
            var events: [ServerSentEvent] = []
            for try await event in stream.events { events.append(event) }
            return events
        }

        @Test func streamTellsEachStateAndEndsWithTheFinalOne() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let stream = try await client.probe.stream("/api/v1/bookings/\(held.id)/stream")
            #expect(stream.head.status == 200)
            #expect(stream.head.header("Content-Type")?.hasPrefix("text/event-stream") == true)
            expectHeadersOfEveryAnswer(stream.head)
            var events: [ServerSentEvent] = []
            for try await event in stream.events {
                events.append(event)
                if events.count == 1 { #expect(try await client.cancel(held.id).status == 202) }
            }
            #expect(events.count == 2)
            #expect(events.allSatisfy { $0.event == "booking" })
            #expect(try statuses(events) == ["reserved", "cancelled"])
            #expect(events.first?.id == held.etag.replacingOccurrences(of: "\"", with: ""))
            let last = try #require(events.last?.id)
            #expect(last != events.first?.id)

            // A client that comes back says what it has.
            let resumed = try await client.probe.stream(
                "/api/v1/bookings/\(held.id)/stream", headers: [("Last-Event-ID", try #require(events.first?.id))])
            let missed = try await all(resumed)
            #expect(missed.map(\.id) == [last])
            #expect(try statuses(missed) == ["cancelled"])
            // 204 tells an EventSource to stop coming back.
            let done = try await client.probe.get("/api/v1/bookings/\(held.id)/stream", headers: [("Last-Event-ID", last)])
            #expect(done.status == 204)
            expectHeadersOfEveryAnswer(done)
            let late = try await all(try await client.probe.stream("/api/v1/bookings/\(held.id)/stream"))
            #expect(late.map(\.id) == [last])
        }

        @Test func resumedStreamTellsOnlyWhatIsNew() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let stream = try await client.probe.stream(
                "/api/v1/bookings/\(held.id)/stream", headers: [("Last-Event-ID", held.etag.replacingOccurrences(of: "\"", with: ""))])
            #expect(try await client.cancel(held.id).status == 202)
            #expect(try statuses(await all(stream)) == ["cancelled"])
        }

        @Test func streamOfAnotherUsersBookingIs404() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let held = try await clients[0].hold(zone)
            expectRefusal(try await clients[1].probe.get("/api/v1/bookings/\(held.id)/stream"), 404, "NOT_FOUND")
            expectRefusal(try await installation.anonymous().get("/api/v1/bookings/\(held.id)/stream"), 401, "UNAUTHORIZED")
        }
    }
}
