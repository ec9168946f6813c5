import NIOCore
import Testing

@testable import EmbeddedBroker

/// Committed offsets as records, for lag monitors.
@Suite(.serialized) struct OffsetsTopicTests {
    private func commit(_ client: RawClient, offset: Int64) throws {
        _ = try client.call(.offsetCommit, version: 2) { writer in
            writer.string("g")
            writer.int32(-1)
            writer.string("")
            writer.int64(-1)
            writer.array(["t"]) { writer, topic in
                writer.string(topic)
                writer.array([offset]) { writer, offset in
                    writer.int32(0)
                    writer.int64(offset)
                    writer.nullableString("note")
                }
            }
        }
    }

    @Test func everyCommitIsARecord() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t")
        for offset in 0..<5 { try commit(client, offset: Int64(offset)) }
        let read = try broker.kcat(["-C", "-t", OffsetsTopic.name, "-e", "-q", "-o", "beginning", "-f", "%o %S\n"])
        #expect(read.output.split(separator: "\n").count == 5)
        let fetched = try RawClient.fetched(try client.call(.fetch, version: 4, RawClient.fetch(topic: OffsetsTopic.name, offset: 4, maxWaitMs: 0)))
        var value = try #require(TestBatch.firstValueBytes(fetched.records))
        #expect(value.readInteger(as: Int16.self) == 3 && value.readInteger(as: Int64.self) == 4)
    }

    @Test func nobodyElseWritesOrDeletesIt() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        #expect(try client.produce(TestBatch.make(["x"]), topic: OffsetsTopic.name).error == .invalidTopic)
        #expect(try client.createTopic(OffsetsTopic.name) == .topicAlreadyExists)
        var answer = try client.call(.deleteTopics, version: 0) { writer in
            writer.array([OffsetsTopic.name]) { $0.string($1) }
            writer.int32(1_000)
        }
        _ = (try answer.count(), try answer.string())
        #expect(try answer.int16() == ErrorCode.invalidTopic.rawValue)
        broker.kill()
        try broker.start()
        #expect(try RawClient(port: broker.port).createTopic(OffsetsTopic.name) == .topicAlreadyExists)
    }
}
