import KafkaClient
import Testing

@testable import WorkerRuntime

struct OutgoingMessageTests {
    @Test func theInboxKeepsMessagesAsTheyWere() throws {
        let messages = [
            OutgoingMessage(
                KafkaRecord(
                    topic: "payment.events", key: Array("k\"1".utf8), value: Array("{\"name\":\"Zoë\\n\"}".utf8),
                    headers: [KafkaHeader(name: "a", text: "1"), KafkaHeader(name: "a", text: "2")])),
            OutgoingMessage(KafkaRecord(topic: "operation.events")),
        ]
        #expect(try OutgoingMessage.parse(OutgoingMessage.json(messages)) == messages)
        #expect(try OutgoingMessage.parse("[]") == [])
    }

    @Test func headersThatAreNotOursDoNotMakeARetry() {
        let message = KafkaMessage(
            topic: "payment.commands", partition: 1, offset: 7, key: nil, value: nil,
            headers: [KafkaHeader(name: "dlq_attempts", text: "3"), KafkaHeader(name: "retry_due_ms", text: "99999999999999")])
        let delivery = Delivery(consumed: message, retryTopics: ["payment.retry.1"])
        #expect(delivery.attempt == 1)
        #expect(delivery.dueMs == nil)
        #expect(delivery.id == "payment.commands/1/7")
    }

    @Test func garbageInARetrysHeadersIsARetryAtOnce() {
        let message = KafkaMessage(
            topic: "payment.retry.1", partition: 1, offset: 7, key: nil, value: nil,
            headers: [KafkaHeader(name: "dlq_attempts", text: "-99999999999999999999"), KafkaHeader(name: "retry_due_ms", text: "soon")])
        let delivery = Delivery(consumed: message, retryTopics: ["payment.retry.1"])
        #expect(delivery.attempt == 2)
        #expect(delivery.dueMs == nil)
    }
}
