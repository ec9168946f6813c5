import Foundation
import NIOCore
import Testing

@testable import EmbeddedBroker

/// What a start takes from checkpoints instead of reading the log.
@Suite struct CheckpointTests {
    private func open(_ path: String, segmentBytes: Int = 4_000_000) throws -> PartitionLog {
        let configuration = try TopicConfiguration(overrides: ["segment.bytes": String(segmentBytes)])
        return PartitionLog(topic: "t", index: 0, directory: path + "/0", configuration: configuration)
    }

    /// Appends batches of about 10 KB, each of its own producer 7, and writes them.
    private func append(_ range: Range<Int>, to log: PartitionLog) throws {
        for number in range {
            let batch = TestBatch.make(
                [String(repeating: "v", count: 10_000)], baseTimestamp: Int64(number) * 10, producerID: 7, epoch: 0, sequence: Int32(number))
            _ = try log.append(batch, header: try #require(TestBatch.header(batch)), nowMs: 5)
            var round = WriteRound()
            log.contribute(to: &round)
            _ = log.finish(round.perform(sync: false))
        }
    }

    private func checkpoint(_ log: PartitionLog) throws -> Int {
        var count = 0
        while let due = log.takeCheckpoint(isLast: true) {
            try due.checkpoint.write(for: due.file)
            count += 1
        }
        return count
    }

    private func same(_ left: PartitionLog, _ right: PartitionLog) throws {
        #expect(left.nextOffset == right.nextOffset && left.highWatermark == right.highWatermark && left.startOffset == right.startOffset)
        #expect(left.segments.map(\.size) == right.segments.map(\.size) && left.segments.map(\.maxTimestamp) == right.segments.map(\.maxTimestamp))
        #expect(left.segments.map { $0.index.map(\.position) } == right.segments.map { $0.index.map(\.position) })
        for sequence in 0..<Int32(left.nextOffset + 2) {
            let header = try #require(TestBatch.header(TestBatch.make(["x"], producerID: 7, epoch: 0, sequence: sequence)))
            #expect(left.producers.judge(header) == right.producers.judge(header))
        }
        for timestamp in stride(from: Int64(0), to: left.nextOffset * 10, by: 777) {
            #expect(try left.firstOffset(at: timestamp)?.offset == right.firstOffset(at: timestamp)?.offset)
        }
    }

    @Test func aStartWithCheckpointsFindsWhatAScanFinds() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path)
        try append(0..<900, to: log)
        #expect(try checkpoint(log) == 3)
        try append(900..<1_000, to: log)
        let quick = try open(scratch.path)
        #expect(try quick.recover(logStart: 0).truncatedBytes == 0)
        #expect(quick.segments.map(\.checkpointedSize).allSatisfy { $0 > 0 })
        try same(log, quick)
        for segment in log.segments { Directory.remove(SegmentCheckpoint.path(ofSegment: segment.file.path)) }
        let slow = try open(scratch.path)
        _ = try slow.recover(logStart: 0)
        #expect(slow.segments.map(\.checkpointedSize).allSatisfy { $0 == 0 })
        try same(quick, slow)
    }

    @Test func aCheckpointThatDoesNotFitIsNotBelieved() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path)
        try append(0..<100, to: log)
        #expect(try checkpoint(log) == 1)
        let path = SegmentCheckpoint.path(ofSegment: log.segments[0].file.path)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for damage in 0..<3 {
            try whole.write(to: URL(fileURLWithPath: path))
            if damage == 0 { try Scratch.flip(path, at: UInt64(whole.count / 2)) }
            if damage == 1 { try Scratch.truncate(path, to: UInt64(whole.count - 1)) }
            // The log itself is shorter than the checkpoint says: the cut is found by the scan.
            if damage == 2 { try log.segments[0].file.truncate(to: log.segments[0].size - 5) }
            let again = try open(scratch.path)
            let recovery = try again.recover(logStart: 0)
            #expect(again.segments[0].checkpointedSize == 0)
            #expect(again.nextOffset == (damage == 2 ? 99 : 100) && (recovery.truncatedBytes > 0) == (damage == 2))
        }
    }

    @Test func whatIsNotWrittenIsNotInACheckpoint() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path)
        try append(0..<100, to: log)
        let pending = TestBatch.make(["pending"], producerID: 7, epoch: 0, sequence: 100)
        let header = try #require(TestBatch.header(pending))
        _ = try log.append(pending, header: header, nowMs: 5)
        #expect(try checkpoint(log) == 1)
        let again = try open(scratch.path)
        _ = try again.recover(logStart: 0)
        #expect(again.nextOffset == 100 && again.producers.judge(header) == .append)
    }

    @Test func checkpointsGoWithTheirSegments() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path, segmentBytes: 1_000_000)
        try append(0..<300, to: log)
        #expect(try checkpoint(log) >= 3)
        log.configuration = try TopicConfiguration(overrides: ["retention.bytes": "500000"])
        #expect(try log.applyRetention(nowMs: 3_000) > 0)
        let orphan = SegmentCheckpoint.path(ofSegment: scratch.path + "/0/" + Segment.name(baseOffset: 5))
        _ = FileManager.default.createFile(atPath: orphan, contents: Data([1]))
        let again = try open(scratch.path)
        _ = try again.recover(logStart: 0)
        let names = try Directory.names(in: scratch.path + "/0")
        #expect(names.filter { $0.hasSuffix(".checkpoint") }.count <= again.segments.count)
        try same(log, again)
    }

    @Test func aStopLeavesNothingToScan() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t")
        let value = String(repeating: "v", count: 900_000)
        for _ in 0..<12 { #expect(try client.produce(TestBatch.make([value]), topic: "t").error == ErrorCode.none) }
        #expect(try broker.stop() == 0)
        let path = broker.dataPath + "/topics/1-t/0/" + Segment.name(baseOffset: 0)
        let file = try LogFile(path: path, create: false)
        let checkpoint = try #require(SegmentCheckpoint.read(for: file, baseOffset: 0, fileSize: try file.size()))
        #expect(checkpoint.size == (try file.size()) && checkpoint.nextOffset == 12)
        try broker.start()
        let again = try RawClient(port: broker.port)
        #expect(try again.produce(TestBatch.make(["next"]), topic: "t").baseOffset == 12)
    }
}
