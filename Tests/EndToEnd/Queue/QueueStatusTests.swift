import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Following a place, by long-poll and stream.
    @Suite struct QueueStatus {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func theTurnIsToldToThoseWhoWait() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 50)))
            let clients = try await installation.clients(20)
            let held = try await installation.withLineStanding {
                var held: [HTTPAnswer] = []
                for client in clients { held.append(try await client.join(event)) }
                return held
            }
            let answers = try await atOnce(20) { number in
                let answer = try await clients[number].place(event, etag: held[number].header("ETag"), wait: 20)
                return (answer, WallClock.now)
            }
            var delays: [Int64] = []
            for (answer, arrived) in answers {
                #expect(answer.status == 200 && answer.json["data"]["status"].string == "admitted", "\(answer.status) \(answer.text)")
                // Who was admitted before the poll has waited for nothing.
                delays.append(arrived.ms - (WallClock(answer.json["data"]["updated_at"].string)?.ms ?? 0))
            }
            delays.sort()
            report("queue, from the admission to the answer: median \(delays[10]) ms, slowest \(delays[19]) ms")
        }

        @Test func aPlaceChangesAtFivePerCentAndAtMostEveryFiveSeconds() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 100)))
            let clients = try await installation.clients(42)
            try await installation.withLineStanding {
                for client in clients { #expect(try await client.join(event).status == 202) }
                let last = clients[41]
                let first = try await last.place(event)
                #expect(first.json["data"]["position"].int == 42)
                let etag = try #require(first.header("ETag"))
                // One of 41: less than 5 %.
                #expect(try await clients[0].leave(event).status == 202)
                let unchanged = try await last.place(event, etag: etag, wait: 7)
                #expect(unchanged.status == 304 && unchanged.header("ETag") == etag, "\(unchanged.text)")
                #expect(try await last.place(event).json["data"]["position"].int == 41, "who asks without a version is told what is")

                // Four of 42, told at once: but a view holds for five seconds.
                let second = try await last.place(event)
                let start = ContinuousClock.now
                async let told = last.place(event, etag: second.header("ETag"), wait: 20)
                for client in clients[1...4] { #expect(try await client.leave(event).status == 202) }
                let moved = try await told
                let waited = ContinuousClock.now - start
                #expect(moved.status == 200 && moved.json["data"]["position"].int == 37, "\(moved.status) \(moved.text)")
                #expect(waited >= .milliseconds(4900) && waited < .seconds(9), "\(waited)")
                report("a place that moved by 10 % was told after \(waited.inMs) ms")
            }
        }

        @Test func theStreamTellsTheTurnAndEndsWithThePurchase() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            let (stream, joined) = try await installation.withLineStanding {
                let joined = try await client.join(event)
                return (try await client.probe.stream("/api/v1/queue/status/stream?event_id=\(event.id)"), joined)
            }
            #expect(joined.status == 202)
            #expect(stream.head.status == 200 && stream.head.header("Content-Type")?.hasPrefix("text/event-stream") == true)
            var told: [(id: String?, status: String?)] = []
            for try await message in stream.events {
                #expect(message.event == "queue")
                let data = try JSONDecoder().decode(JSONValue.self, from: Data(message.data.utf8))
                told.append((message.id, data["status"].string))
                #expect(message.id == data["version"].int.map(String.init))
                guard data["status"].string == "admitted", let pass = data["queue_pass"].string else { continue }
                #expect(try await client.reserve(event.zone, pass: pass).status == 202)
            }
            #expect(told.map(\.status) == ["waiting", "admitted", "used"])
            // Who comes back says what is known; 204 tells an EventSource to stop.
            let last = try #require(told.last?.id)
            let done = try await client.probe.get("/api/v1/queue/status/stream?event_id=\(event.id)", headers: [("Last-Event-ID", last)])
            #expect(done.status == 204)
            let resumed = try await client.probe.stream(
                "/api/v1/queue/status/stream?event_id=\(event.id)", headers: [("Last-Event-ID", try #require(told.first?.id))])
            var missed: [String?] = []
            for try await message in resumed.events { missed.append(message.id) }
            #expect(missed == [last])
        }

        @Test func anotherIngressTellsTheSame() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            let elsewhere = Client(user: client.user, probe: try await installation.ingress(holdSeconds: 600))
            let told = try await installation.withLineStanding {
                let joined = try await patiently { try await client.join(event) }
                let seen = try await patiently { try await elsewhere.place(event) }
                #expect(seen.json["data"]["entry_id"].string == joined.json["data"]["entry_id"].string, "\(seen.text)")
                return joined.header("ETag")
            }
            let answer = try await elsewhere.place(event, etag: told, wait: 20)
            #expect(answer.json["data"]["status"].string == "admitted")
            let pass = try #require(answer.json["data"]["queue_pass"].string)
            #expect(try await client.reserve(event.zone, pass: pass).status == 202)
        }
    }
}
