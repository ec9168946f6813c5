import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Following a payment: long-polls and streams.
    @Suite struct PaymentStatus {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func longPollIsAnsweredWhenThePaymentMoves() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            var delays: [Int64] = []
            for client in try await installation.clients(10) {
                let held = try await client.hold(zone)
                let payment = try #require(try Client.Accepted(await client.pay(held.id)).payment)
                var etag = "\"1\""
                var status = ""
                while status != "success" {
                    let answer = try await client.payment(payment, etag: etag, wait: 20)
                    let arrived = WallClock.now
                    guard answer.status == 200 else { throw TestFailure("\(answer.status) \(answer.text)") }
                    let data = answer.json["data"]
                    status = try #require(data["status"].string)
                    #expect(["processing", "success"].contains(status))
                    #expect(answer.header("ETag") != etag && answer.header("Preference-Applied") == "wait=20")
                    #expect(answer.header("Cache-Control") == "private, no-store" && answer.header("Vary")?.contains("Prefer") == true)
                    etag = try #require(answer.header("ETag"))
                    if status == "success" { delays.append(arrived.ms - (try #require(WallClock(data["updated_at"].string)).ms)) }
                }
                #expect(try await client.payment(payment, etag: etag, wait: 1).status == 304)
            }
            delays.sort()
            report("long-poll of a payment, from its success to the answer: median \(delays[5]) ms, slowest \(delays[9]) ms")
            #expect(delays[5] < 500)
        }

        @Test func failedPaymentIsAnsweredAtOnce() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
            _ = try await client.outcome(of: accepted.operation)
            let payment = try #require(accepted.payment)
            let read = try await client.payment(payment)
            #expect(read.json["data"]["status"].string == "failed")
            let start = ContinuousClock.now
            #expect(try await client.payment(payment, etag: read.header("ETag"), wait: 20).status == 304)
            #expect(ContinuousClock.now - start < .seconds(5), "it waited for what is final")
        }

        @Test func streamTellsEachStateOfAPayment() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let held = try await clients[0].hold(zone)
            let accepted = try Client.Accepted(await clients[0].pay(held.id, GatewayToken.declined))
            let path = "/api/v1/payments/\(try #require(accepted.payment))/stream"
            let stream = try await clients[0].probe.stream(path)
            #expect(stream.head.status == 200 && stream.head.header("Content-Type")?.hasPrefix("text/event-stream") == true)
            var statuses: [String?] = []
            for try await event in stream.events {
                #expect(event.event == "payment" && event.id != nil)
                statuses.append(try JSONDecoder().decode(JSONValue.self, from: Data(event.data.utf8))["status"].string)
            }
            #expect(statuses.last == "failed", "\(statuses)")
            expectRefusal(try await clients[1].probe.get(path), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await installation.anonymous().get(path), 401, "UNAUTHORIZED")
        }

        @Test func streamOfAnOperationEndsWithIt() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id))
            let stream = try await client.probe.stream("/api/v1/operations/\(accepted.operation)/stream")
            var last = JSONValue.null
            for try await event in stream.events {
                #expect(event.event == "operation")
                last = try JSONDecoder().decode(JSONValue.self, from: Data(event.data.utf8))
            }
            #expect(last["status"].string == "succeeded")
        }

        /// What the topics tell of a payment, with a tool that knows nothing of ours.
        @Test func tokenIsOnNoTopicAndInNoRow() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let token = GatewayToken.declined
            let accepted = try Client.Accepted(await client.pay(held.id, token))
            _ = try await client.outcome(of: accepted.operation)
            for topic in ["booking.events", "payment.commands", "payment.events"] {
                let records = try await TopicReader.records(topic, key: held.id, installation)
                #expect(!records.isEmpty, "\(topic)")
                for record in records { #expect(!"\(record)".contains(token), "\(topic)") }
            }
            let row = try await installation.psql("SELECT row_to_json(p) FROM payments p WHERE booking_id = '\(held.id)'")
            #expect(!"\(row)".contains(token))
        }
    }
}
