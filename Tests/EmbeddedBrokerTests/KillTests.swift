import Foundation
import Testing

@testable import EmbeddedBroker

/// librdkafka goes on while the broker is killed and started again.
@Suite(.serialized) struct KillTests {
    private func lines(_ range: ClosedRange<Int>) -> String { range.map { "\($0)\n" }.joined() }

    @Test(arguments: ["none", "always"])
    func whatIsAcknowledgedIsThereInOrderOnce(sync: String) throws {
        let broker = try BrokerProcess(["--sync", sync])
        _ = try RawClient(port: broker.port).createTopic("t")
        let producer = try RdkafkaClient(
            consumer: false, address: broker.address,
            settings: ["enable.idempotence": "true", "linger.ms": "1", "retry.backoff.ms": "20", "batch.num.messages": "50"])
        var sent = 0
        for round in 0..<6 {
            // Several batches are in flight when the kill comes, at a different moment each time.
            let enough = producer.deliveries.offsets.count + 300 + round * 37
            try BrokerProcess.wait("deliveries") {
                for _ in 0..<40 {
                    sent += 1
                    producer.produce(sent, to: "t")
                }
                producer.poll(milliseconds: 1)
                return producer.deliveries.offsets.count >= enough
            }
            broker.kill()
            try broker.start()
        }
        #expect(producer.flush())
        #expect(producer.deliveries.failures.isEmpty)
        #expect(producer.deliveries.offsets.count == sent)
        #expect(producer.deliveries.offsets.allSatisfy { $0.value == Int64($0.key) - 1 })
        #expect(try broker.kcat(["-C", "-t", "t", "-e", "-q", "-o", "beginning"]).output == lines(1...sent))
    }

    @Test func aGroupGoesOnAcrossAKillWithoutARebalance() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t", partitions: 2)
        let consumer = try RdkafkaClient(
            consumer: true, address: broker.address,
            settings: ["group.id": "g", "auto.offset.reset": "earliest", "auto.commit.interval.ms": "50", "heartbeat.interval.ms": "200"])
        consumer.subscribe("t")
        var seen: [Int] = []
        for round in 0..<3 {
            try broker.kcat(["-P", "-t", "t"], input: lines(round * 50 + 1...round * 50 + 50))
            try BrokerProcess.wait("round \(round)") {
                if let number = consumer.consume(milliseconds: 50) { seen.append(number) }
                return seen.count >= (round + 1) * 50
            }
            broker.kill()
            try broker.start()
        }
        #expect(seen.sorted() == Array(1...150))
        consumer.close()
        let group = try StateLog.open(directory: broker.dataPath).0.state.groups["g"]
        // One generation for the join and one for the leave: the kills made none.
        #expect(group?.generation == 2)
    }

    @Test func aGroupGrowsAndShrinks() throws {
        let broker = try BrokerProcess()
        _ = try RawClient(port: broker.port).createTopic("t", partitions: 4)
        func member() throws -> RdkafkaClient {
            let member = try RdkafkaClient(
                consumer: true, address: broker.address, settings: ["group.id": "g", "heartbeat.interval.ms": "100", "session.timeout.ms": "6000"])
            member.subscribe("t")
            return member
        }
        let first = try member()
        try BrokerProcess.wait("the first member to have all") {
            _ = first.consume(milliseconds: 20)
            return first.assignedCount == 4
        }
        let second = try member()
        try BrokerProcess.wait("both to have half") {
            _ = (first.consume(milliseconds: 20), second.consume(milliseconds: 20))
            return first.assignedCount == 2 && second.assignedCount == 2
        }
        second.close()
        try BrokerProcess.wait("the first member to have all again") {
            _ = first.consume(milliseconds: 20)
            return first.assignedCount == 4
        }
        first.close()
    }
}
