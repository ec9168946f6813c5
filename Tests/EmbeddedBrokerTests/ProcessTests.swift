import Foundation
import NIOCore
import Testing

@testable import EmbeddedBroker

/// The broker from outside, as a process: what it answers, and what is left of it when it is killed.
@Suite(.serialized) struct ProcessTests {
    @Test func aWaitingFetchIsAnsweredByTheAppend() throws {
        let broker = try BrokerProcess()
        let reading = try RawClient(port: broker.port)
        let writing = try RawClient(port: broker.port)
        #expect(try writing.createTopic("t") == ErrorCode.none)
        var latencies: [Double] = []
        for round in 0..<50 {
            reading.send(.fetch, version: 4, RawClient.fetch(topic: "t", offset: Int64(round), maxWaitMs: 5_000))
            // The fetch has arrived once a later request of another connection is answered.
            _ = try writing.call(.listGroups, version: 0) { _ in }
            let begin = Date()
            writing.send(.produce, version: 7, RawClient.produce(TestBatch.make(["x"]), topic: "t"))
            let answer = try RawClient.fetched(try #require(reading.receive()))
            latencies.append(Date().timeIntervalSince(begin) * 1_000)
            #expect(answer.highWatermark == Int64(round) + 1 && answer.records.readableBytes > 61)
            _ = try #require(writing.receive())
        }
        latencies.sort()
        #expect(latencies[25] < 50, "a woken fetch took \(latencies[25]) ms in the middle")
    }

    @Test func aFetchWithNothingToReadIsAnsweredInTime() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t")
        let begin = Date()
        let answer = try RawClient.fetched(try client.call(.fetch, version: 4, RawClient.fetch(topic: "t", offset: 0, maxWaitMs: 200)))
        #expect(answer.error == ErrorCode.none && answer.records.readableBytes == 0)
        #expect((0.19..<2).contains(Date().timeIntervalSince(begin)))
        let beyond = try RawClient.fetched(try client.call(.fetch, version: 4, RawClient.fetch(topic: "t", offset: 9, maxWaitMs: 5_000)))
        #expect(beyond.error == .offsetOutOfRange)
    }

    @Test func answersKeepTheOrderOfTheirRequests() throws {
        let broker = try BrokerProcess(["--sync", "always"])
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t")
        for round in 0..<40 {
            client.send(.produce, version: 7, RawClient.produce(TestBatch.make(["x"]), topic: "t"))
            if round % 4 == 0 { client.send(.produce, version: 7, RawClient.produce(TestBatch.make(["no answer"]), topic: "t", acks: 0)) }
        }
        var last: Int64 = -1
        for _ in 0..<40 {
            let (error, offset) = try RawClient.produced(try #require(client.receive()))
            #expect(error == ErrorCode.none && offset > last)
            last = offset
        }
        #expect(last == 49)
    }

    @Test func aRepeatedBatchIsStoredOnceAcrossAKill() throws {
        let broker = try BrokerProcess()
        var client = try RawClient(port: broker.port)
        _ = try client.createTopic("t")
        let id = try client.producerID()
        for sequence in 0..<3 {
            let batch = TestBatch.make(["x"], producerID: id, epoch: 0, sequence: Int32(sequence))
            #expect(try client.produce(batch, topic: "t") == (ErrorCode.none, Int64(sequence)))
        }
        broker.kill()
        try broker.start()
        client = try RawClient(port: broker.port)
        let again = TestBatch.make(["x"], producerID: id, epoch: 0, sequence: 2)
        #expect(try client.produce(again, topic: "t") == (ErrorCode.none, 2))
        let next = TestBatch.make(["x"], producerID: id, epoch: 0, sequence: 3)
        #expect(try client.produce(next, topic: "t") == (ErrorCode.none, 3))
        let gap = TestBatch.make(["x"], producerID: id, epoch: 0, sequence: 5)
        #expect(try client.produce(gap, topic: "t").error == .outOfOrderSequenceNumber)
    }

    @Test func noProducerIDIsGivenTwice() throws {
        let broker = try BrokerProcess()
        var seen: Set<Int64> = []
        for round in 0..<5 {
            let client = try RawClient(port: broker.port)
            for _ in 0..<(round == 2 ? 1_500 : 10) { #expect(seen.insert(try client.producerID()).inserted) }
            broker.kill()
            try broker.start()
        }
    }

    @Test func committedOffsetsSurviveAKill() throws {
        let broker = try BrokerProcess()
        var client = try RawClient(port: broker.port)
        _ = try client.createTopic("t", partitions: 3)
        for offset in 1...20 {
            var answer = try client.call(.offsetCommit, version: 2) { writer in
                writer.string("g")
                writer.int32(-1)
                writer.string("")
                writer.int64(-1)
                writer.count(1)
                writer.string("t")
                writer.count(1)
                writer.int32(1)
                writer.int64(Int64(offset))
                writer.nullableString("note")
            }
            _ = try answer.count()
            _ = try answer.string()
            _ = try answer.count()
            _ = try answer.int32()
            #expect(try answer.int16() == 0)
        }
        broker.kill()
        try broker.start()
        client = try RawClient(port: broker.port)
        var answer = try client.call(.offsetFetch, version: 7) { writer in
            writer.compactNullableString("g")
            writer.count(1, compact: true)
            writer.compactNullableString("t")
            writer.array([1, 2] as [Int32], compact: true) { $0.int32($1) }
            writer.noTags()
            writer.bool(false)
            writer.noTags()
        }
        try answer.tags()
        _ = try answer.int32()
        #expect(try answer.count(compact: true) == 1)
        _ = try answer.compactString()
        #expect(try answer.count(compact: true) == 2)
        #expect(try answer.int32() == 1)
        #expect(try answer.int64() == 20)
        _ = try answer.int32()
        #expect(try answer.compactString() == "note")
        _ = try answer.int16()
        try answer.tags()
        #expect(try answer.int32() == 2)
        #expect(try answer.int64() == -1)
    }

    @Test(arguments: [
        [0x7F, 0xFF, 0xFF, 0xFF, 1, 2, 3] as [UInt8],
        [0xFF, 0xFF, 0xFF, 0xFF],
        [0, 0, 0, 10, 0, 99, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF],  // an unknown key
        [0, 0, 0, 10, 0, 3, 0, 77, 0, 0, 0, 1, 0xFF, 0xFF],  // an unknown version
        [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF],  // two thousand million topics
        Array("GET / HTTP/1.1\r\nHost: broker\r\n\r\n".utf8),
    ])
    func garbageClosesItsOwnConnectionOnly(bytes: [UInt8]) throws {
        let broker = try BrokerProcess()
        let good = try RawClient(port: broker.port)
        let bad = try RawClient(port: broker.port)
        bad.write(bytes)
        #expect(bad.receive() == nil)
        #expect(try good.createTopic("t") == ErrorCode.none)
    }

    @Test func aVersionOfApiVersionsThatIsNotKnownGetsTheList() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        var answer = try client.call(.apiVersions, version: 99) { _ in }
        #expect(try answer.int16() == ErrorCode.unsupportedVersion.rawValue)
        #expect(try answer.count() == ApiKey.allCases.count)
        var flexible = try client.call(.apiVersions, version: 3) { writer in
            writer.compactNullableString("name")
            writer.compactNullableString("1")
            writer.noTags()
        }
        #expect(try flexible.int16() == 0)
        #expect(try flexible.count(compact: true) == ApiKey.allCases.count)
    }

    @Test func topicsAreCheckedWhenTheyAreMade() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        #expect(try client.createTopic("a/b") == .invalidTopic)
        #expect(try client.createTopic("..") == .invalidTopic)
        #expect(try client.createTopic("t", partitions: 0) == .invalidPartitions)
        #expect(try client.createTopic("t", partitions: 1_000_000) == .policyViolation)
        #expect(try client.createTopic("t", overrides: ["retention.ms": "soon"]) == .invalidConfig)
        #expect(try client.createTopic("t", overrides: ["cleanup.policy": "compact"]) == .invalidConfig)
        #expect(try client.createTopic("t", overrides: ["retention.ms": "-1"]) == ErrorCode.none)
        #expect(try client.createTopic("t") == .topicAlreadyExists)
        #expect(try client.produce(TestBatch.make(["x"]), topic: "unknown").error == .unknownTopicOrPartition)
    }

    @Test func badArgumentsEndWithOne() throws {
        let binary = BrokerProcess.binary.path
        let scratch = try Scratch()
        #expect(try BrokerProcess.run(binary, ["--data", scratch.path]).status == 1)
        #expect(try BrokerProcess.run(binary, ["--data", scratch.path, "--port", "0", "--sync", "often"]).status == 1)
        #expect(try BrokerProcess.run(binary, ["--data", "/proc/none", "--port", "0"]).status == 1)
        let broker = try BrokerProcess()
        #expect(try BrokerProcess.run(binary, ["--data", scratch.path, "--port", String(broker.port)]).status == 1)
        #expect(try BrokerProcess.run(binary, ["--data", broker.dataPath, "--port", "0"]).status == 1)
        #expect(broker.announcement.hasPrefix("embedded-broker ready on \(broker.address), 0 partitions recovered in "))
        #expect(try broker.stop() == 0)
    }
}
