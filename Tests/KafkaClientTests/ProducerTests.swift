import CRdkafka
import Foundation
import KafkaTestSupport
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(2)))
struct ProducerTests {
    @Test func recordsComeBackAsTheyWent() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let producer = try cluster.producer()
        let headers = [
            KafkaHeader(name: "ce_type", text: "booking.created.v1"), KafkaHeader(name: "empty", value: []), KafkaHeader(name: "ce_type", text: "ü"),
        ]
        let records = [
            KafkaRecord(topic: topic, key: [1, 0, 2], value: [0, 255], headers: headers, timestampMs: 1_700_000_000_123),
            KafkaRecord(topic: topic, key: nil, value: [7]),
            KafkaRecord(topic: topic, key: [], value: []),
            KafkaRecord(topic: topic, key: [9], value: nil),
        ]
        for (offset, record) in records.enumerated() {
            let ack = try await producer.send(record)
            #expect(ack == KafkaAck(topic: topic, partition: 0, offset: Int64(offset)))
        }
        let reader = try cluster.reader()
        try await reader.assign([KafkaTopicPartition(topic: topic, partition: 0): .beginning])
        let read = try await reader.collect(records.count)
        #expect(read.map(\.key) == [[1, 0, 2], nil, [], [9]])
        #expect(read.map(\.value) == [[0, 255], [7], [], nil])
        #expect(read.first?.headers == headers)
        #expect(read.first?.headers.text("ce_type") == "ü")
        #expect(read.first?.timestampMs == 1_700_000_000_123)
        #expect(read.map(\.offset) == [0, 1, 2, 3])
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func twentyThousandRecordsFromFourThreadsAreAllAcknowledged() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic(partitions: 12)
        let producer = try cluster.producer()
        try await producer.warmUp(topics: [topic])
        let tally = Tally()
        let started = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    let headers = (0..<8).map { KafkaHeader(name: "ce_header\($0)", text: "0123456789abcdef") }
                    for index in 0..<5_000 {
                        let record = KafkaRecord(
                            topic: topic, key: Array("\(worker)-\(index)".utf8), value: [UInt8](repeating: 120, count: 380), headers: headers)
                        do { try producer.enqueue(record) { tally.add($0) } } catch { Issue.record(error) }
                    }
                }
            }
        }
        #expect(await eventually(.seconds(30)) { tally.count == 20_000 })
        print("20,000 records acknowledged in \(ContinuousClock.now - started)")
        #expect(tally.failed == 0)
        #expect(producer.queued == 0)
        let reader = try cluster.reader()
        try await reader.assign(Dictionary(uniqueKeysWithValues: (0..<12).map { (KafkaTopicPartition(topic: topic, partition: $0), .beginning) }))
        let reading = ContinuousClock.now
        let read = try await reader.collect(20_000, limit: .seconds(30))
        print("20,000 records read in \(ContinuousClock.now - reading)")
        #expect(Set(read.map { $0.key ?? [] }).count == 20_000)
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func aDeadAddressIsATypedTimeoutWithinTheMessageTimeout() async throws {
        let port = try BrokerProcess.freePort()
        var configuration = KafkaProducerConfiguration(bootstrapServers: "127.0.0.1:\(port)", clientID: "nobody")
        configuration.messageTimeout = .milliseconds(500)
        let producer = try KafkaProducer(configuration: configuration, logger: .quiet)
        let started = ContinuousClock.now
        do {
            _ = try await producer.send(KafkaRecord("nowhere", "k", "v"))
            Issue.record("a dead address acknowledged a record")
        } catch {
            #expect(error.code == .timeout)
            #expect(error.disposition == .outage)
            #expect(error.label == "kafka_timeout")
        }
        #expect(ContinuousClock.now - started < .seconds(3))
        #expect(!producer.isReachable)
        #expect(await producer.waitUntilReachable(limit: .milliseconds(50)) == false)
        await #expect(throws: KafkaError.self) { try await producer.warmUp(topics: ["nowhere"], limit: .milliseconds(200)) }
        await producer.shutdown(flush: .milliseconds(100))
    }

    @Test func aFullQueueRefusesAtOnce() async throws {
        let port = try BrokerProcess.freePort()
        var configuration = KafkaProducerConfiguration(bootstrapServers: "127.0.0.1:\(port)", clientID: "nobody")
        configuration.maxQueued = 10
        let producer = try KafkaProducer(configuration: configuration, logger: .quiet)
        let tally = Tally()
        for _ in 0..<10 { try producer.enqueue(KafkaRecord("nowhere", "k", "v")) { tally.add($0) } }
        let refusal = #expect(throws: KafkaError.self) { try producer.enqueue(KafkaRecord("nowhere", "k", "v")) { tally.add($0) } }
        #expect(refusal?.code == .queueFull)
        await producer.shutdown(flush: .milliseconds(50))
        #expect(tally.count == 10, "every queued record is reported, also at the end")
        #expect(tally.failed == 10)
    }

    @Test func shutdownLetsQueuedRecordsGoOut() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let producer = try cluster.producer { $0.linger = .seconds(2) }
        let tally = Tally()
        for index in 0..<500 { try producer.enqueue(KafkaRecord(topic, "\(index)", "v")) { tally.add($0) } }
        // The second call must not cut the first one short.
        async let first: Void = producer.shutdown(flush: .seconds(10))
        async let second: Void = producer.shutdown(flush: .zero)
        _ = await (first, second)
        #expect(tally.count == 500)
        #expect(tally.failed == 0)
        let late = #expect(throws: KafkaError.self) { try producer.enqueue(KafkaRecord(topic, "k", "v")) { tally.add($0) } }
        #expect(late?.code == .closed)
        await producer.shutdown(flush: .seconds(1))
    }

    @Test func manyResultsComeInTheOrderOfTheirRecords() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let producer = try cluster.producer { $0.maxRecordBytes = 2_000 }
        let results = await producer.send([
            KafkaRecord(topic, "a", "1"), KafkaRecord(topic, "b", String(repeating: "x", count: 5_000)), KafkaRecord(topic, "c", "3"),
        ])
        #expect(try results[0].get().offset == 0)
        let refusal = #expect(throws: KafkaError.self) { try results[1].get() }
        #expect(refusal?.code == .tooLarge)
        #expect(refusal?.disposition == .deadLetter)
        #expect(try results[2].get().offset == 1)
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func anUnknownSettingIsATypedErrorThatNamesIt() throws {
        let cluster = try TestCluster.shared.get()
        let error = #expect(throws: KafkaError.self) { _ = try cluster.producer { $0.options = ["no.such.setting": "1"] } }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("no.such.setting") == true)
    }

    @Test func aFatalErrorReplacesTheProducer() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let producer = try cluster.producer { $0.linger = .seconds(1) }
        let tally = Tally()
        for round in 0..<3 {
            for index in 0..<100 { try producer.enqueue(KafkaRecord(topic, "\(index)", "v")) { tally.add($0) } }
            let instance = try producer.core.instance("test")
            rd_kafka_test_fatal_error(instance.client.pointer, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test")
            #expect(await eventually { tally.count == (round + 1) * 100 }, "what was queued is reported, not lost")
            // Asked again and again until the next generation is there.
            #expect(
                await eventually {
                    do {
                        return try await producer.send(KafkaRecord(topic, "next", "v")).topic == topic
                    } catch {
                        if (error as? KafkaError)?.disposition != .retry { Issue.record(error) }
                        return false
                    }
                })
        }
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func theServiceEndsWithItsTask() async throws {
        let cluster = try TestCluster.shared.get()
        let producer = try cluster.producer()
        let service = Task { try await producer.run() }
        service.cancel()
        try await service.value
        let late = await #expect(throws: KafkaError.self) { _ = try await producer.send(KafkaRecord("t", "k", "v")) }
        #expect(late?.code == .closed)
    }

    @Test func aBrokerThatIsKilledAndRestartedIsUsedAgain() async throws {
        guard TestCluster.brokerBinary != nil else { return }
        let cluster = try TestCluster()
        let broker = try #require(cluster.broker)
        let topic = try await cluster.topic(partitions: 3)
        let producer = try cluster.producer { $0.messageTimeout = .seconds(2) }
        let consumer = try cluster.consumer(group: "g.\(topic)", topics: [topic])
        _ = try await producer.send(KafkaRecord(topic, "before", "v"))
        #expect(try await consumer.collect(1).count == 1)
        for round in 0..<3 {
            let tally = Tally()
            for index in 0..<200 { try producer.enqueue(KafkaRecord(topic, "\(round)-\(index)", "v")) { tally.add($0) } }
            broker.kill()
            #expect(await eventually { !producer.isReachable })
            let lost = await #expect(throws: KafkaError.self) { _ = try await producer.send(KafkaRecord(topic, "during", "v")) }
            #expect(lost?.disposition == .outage || lost?.disposition == .retry)
            try broker.start()
            #expect(await producer.waitUntilReachable(limit: .seconds(10)))
            #expect(await eventually { tally.count == 200 })
            #expect(await eventually(.seconds(20)) { (try? await producer.send(KafkaRecord(topic, "after-\(round)", "v"))) != nil })
            var keys: Set<String> = []
            #expect(
                try await eventually(.seconds(30)) {
                    for message in try await consumer.collect(1, limit: .seconds(1)) {
                        keys.insert(String(decoding: message.key ?? [], as: UTF8.self))
                    }
                    return keys.contains("after-\(round)")
                })
        }
        await consumer.close()
        await producer.shutdown(flush: .seconds(2))
        broker.kill()
    }
}
