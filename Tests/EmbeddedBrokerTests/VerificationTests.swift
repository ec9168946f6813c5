import Foundation
import Testing

@testable import EmbeddedBroker

/// Damage in what a start did not read, because a checkpoint spoke for it.
@Suite struct VerificationTests {
    @Test func damageBehindACheckpointIsFoundAndNotServed() throws {
        let broker = try BrokerProcess()
        var client = try RawClient(port: broker.port)
        #expect(try client.createTopic("t") == ErrorCode.none)
        for _ in 0..<60 { #expect(try client.produce(TestBatch.make([String(repeating: "v", count: 10_000)]), topic: "t").error == ErrorCode.none) }
        #expect(try broker.stop() == 0)
        let segment = broker.dataPath + "/topics/1-t/0/" + Segment.name(baseOffset: 0)
        #expect(FileManager.default.fileExists(atPath: SegmentCheckpoint.path(ofSegment: segment)))
        try Scratch.flip(segment, at: 305_000)

        try broker.start()
        #expect(!broker.announcement.contains("damaged"))
        try BrokerProcess.wait("the damage to be told") {
            try String(contentsOfFile: broker.logPath, encoding: .utf8).contains("a segment is damaged")
        }
        client = try RawClient(port: broker.port)
        func fetch(_ offset: Int64) throws -> (error: ErrorCode?, records: Int) {
            let fetched = try RawClient.fetched(client.call(.fetch, version: 4, RawClient.fetch(topic: "t", offset: offset, maxWaitMs: 0)))
            return (fetched.error, fetched.records.readableBytes)
        }
        let before = try fetch(0)
        #expect(before.error == ErrorCode.none && (1..<305_000).contains(before.records))
        for offset: Int64 in [31, 45, 59] { #expect(try fetch(offset).error == .kafkaStorageError) }
        #expect(try client.produce(TestBatch.make(["after"]), topic: "t").baseOffset == 60)
        #expect(try broker.stop() == 0)
    }
}
