import Foundation
import Testing

@testable import EmbeddedBroker

/// kcat (librdkafka) against the real process.
@Suite(.serialized) struct KcatTests {
    private func lines(_ range: ClosedRange<Int>) -> String { range.map { "\($0)\n" }.joined() }

    @Test(arguments: ["always", "interval=20", "none"])
    func whatKcatProducesItConsumes(sync: String) throws {
        let broker = try BrokerProcess(["--sync", sync])
        _ = try RawClient(port: broker.port).createTopic("t", partitions: 3)
        let list = try broker.kcat(["-L"])
        #expect(list.status == 0 && list.output.contains("topic \"t\" with 3 partitions"))
        #expect(try broker.kcat(["-P", "-t", "t", "-X", "enable.idempotence=true"], input: lines(1...2_000)).status == 0)
        let consumed = try broker.kcat(["-C", "-t", "t", "-e", "-q", "-o", "beginning"]).output
        #expect(consumed.split(separator: "\n").compactMap { Int($0) }.sorted() == Array(1...2_000))
    }

    @Test(arguments: ["gzip", "snappy", "lz4", "zstd"])
    func compressedBatchesPassThrough(codec: String) throws {
        let broker = try BrokerProcess()
        _ = try RawClient(port: broker.port).createTopic("t")
        // One batch: a few lines alone are sent as they are, since they would not become smaller.
        #expect(try broker.kcat(["-P", "-t", "t", "-z", codec, "-X", "linger.ms=500"], input: lines(1...500)).status == 0)
        #expect(try broker.kcat(["-C", "-t", "t", "-e", "-q"]).output == lines(1...500))
        let log = try Data(contentsOf: URL(fileURLWithPath: broker.dataPath + "/topics/1-t/0/" + Segment.name(baseOffset: 0)))
        #expect(log[22] & 7 != 0, "the batch came uncompressed")
    }

    @Test func aGroupGoesOnWhereItStopped() throws {
        let broker = try BrokerProcess()
        _ = try RawClient(port: broker.port).createTopic("t", partitions: 2)
        try broker.kcat(["-P", "-t", "t"], input: lines(1...100))
        let first = try broker.kcat(["-G", "g", "-e", "-q", "-X", "auto.offset.reset=earliest", "t"])
        #expect(first.output.split(separator: "\n").count == 100)
        #expect(try broker.stop() == 0)
        try broker.start()
        try broker.kcat(["-P", "-t", "t"], input: lines(101...150))
        let second = try broker.kcat(["-G", "g", "-e", "-q", "-X", "auto.offset.reset=earliest", "t"])
        #expect(second.output.split(separator: "\n").compactMap { Int($0) }.sorted() == Array(101...150))
    }
}
