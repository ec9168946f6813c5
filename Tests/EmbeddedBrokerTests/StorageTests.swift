import NIOCore
import Testing

@testable import EmbeddedBroker

@Suite struct PartitionLogTests {
    private func open(_ path: String, segmentBytes: Int? = nil) throws -> PartitionLog {
        let configuration = try TopicConfiguration(overrides: segmentBytes.map { ["segment.bytes": String($0)] } ?? [:])
        return PartitionLog(topic: "t", index: 0, directory: path + "/0", configuration: configuration)
    }

    private func reopened(_ path: String, logStart: Int64 = 0) throws -> (PartitionLog, PartitionLog.Recovery) {
        let log = try open(path)
        return (log, try log.recover(logStart: logStart))
    }

    /// Appends one batch per element and writes them in one round.
    private func append(_ batches: [ByteBuffer], to log: PartitionLog) throws {
        for batch in batches {
            let header = try #require(TestBatch.header(batch))
            _ = try log.append(batch, header: header, nowMs: 0)
        }
        var round = WriteRound()
        log.contribute(to: &round)
        _ = log.finish(round.perform(sync: false))
    }

    private func offsets(_ log: PartitionLog, from offset: Int64, maxBytes: Int = 1_000_000) throws -> [Int64] {
        var buffer = ByteBuffer()
        try log.read(from: offset, maxBytes: maxBytes, atLeastOne: true, into: &buffer)
        var offsets: [Int64] = []
        while let header = TestBatch.header(buffer) {
            #expect(buffer.readableBytes >= header.totalSize)
            buffer.moveReaderIndex(forwardBy: header.totalSize)
            offsets.append(header.baseOffset)
        }
        #expect(buffer.readableBytes == 0)
        return offsets
    }

    private func numbered(_ count: Int) -> [ByteBuffer] {
        (0..<count).map { TestBatch.make(["record \($0)", "another"], baseTimestamp: 1_000 + Int64($0) * 10) }
    }

    private func path(_ scratch: Scratch, base: Int64 = 0) -> String { scratch.path + "/0/" + Segment.name(baseOffset: base) }

    @Test func recordsAreReadBackFromAnyOffset() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path)
        try append(numbered(1_000), to: log)
        #expect(log.highWatermark == 2_000)
        #expect(try offsets(log, from: 0).count == 1_000)
        #expect(try offsets(log, from: 1_235).first == 1_234)
        #expect(try offsets(log, from: 1_999) == [1_998])
        #expect(try offsets(log, from: 2_000) == [])
        // At least one batch comes whatever the limit is, and never half of one.
        #expect(try offsets(log, from: 500, maxBytes: 10) == [500])
        #expect(try offsets(log, from: 502, maxBytes: 250).count == 2)
    }

    @Test func aTornTailIsCutOffAtTheLastGoodBatch() throws {
        for torn in [1, 30, 61, 80] {
            let scratch = try Scratch()
            try append(numbered(10), to: try open(scratch.path))
            let whole = try Scratch.size(path(scratch))
            let next = Array(TestBatch.make(["torn record, torn record, torn record"]).readableBytesView)
            try Scratch.append(Array(next.prefix(torn)), to: path(scratch))
            let (log, recovery) = try reopened(scratch.path)
            #expect(log.nextOffset == 20 && recovery.truncatedBytes == Int64(torn) && recovery.damage.isEmpty)
            #expect(try Scratch.size(path(scratch)) == whole)
        }
    }

    @Test func garbageBehindTheLogIsCutOff() throws {
        let scratch = try Scratch()
        try append(numbered(10), to: try open(scratch.path))
        try Scratch.append([UInt8](repeating: 0, count: 5_000), to: path(scratch))
        #expect(try reopened(scratch.path).1.truncatedBytes == 5_000)
        try Scratch.append((0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }, to: path(scratch))
        let (log, recovery) = try reopened(scratch.path)
        #expect(recovery.truncatedBytes == 5_000 && log.nextOffset == 20)
        try append(numbered(1), to: log)
        #expect(try reopened(scratch.path).0.nextOffset == 22)
    }

    @Test func aChangedByteEndsTheLogThere() throws {
        let scratch = try Scratch()
        try append(numbered(10), to: try open(scratch.path))
        try Scratch.flip(path(scratch), at: try Scratch.size(path(scratch)) - 5)
        #expect(try reopened(scratch.path).0.nextOffset == 18)
    }

    @Test func segmentsRollAndAreReadAcross() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path, segmentBytes: 2_000)
        for batch in numbered(100) { try append([batch], to: log) }
        #expect(log.segments.count > 3)
        let (again, recovery) = try reopened(scratch.path)
        #expect(recovery.truncatedBytes == 0 && recovery.damage.isEmpty && again.nextOffset == 200)
        var next: Int64 = 0
        while next < 200 {
            let read = try offsets(again, from: next)
            #expect(read.first == next)
            next = (read.last ?? 200) + 2
        }
    }

    @Test func damageInTheMiddleIsReportedAndNotSkipped() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path, segmentBytes: 2_000)
        for batch in numbered(100) { try append([batch], to: log) }
        try Scratch.flip(path(scratch), at: 500)
        let (again, recovery) = try reopened(scratch.path)
        #expect(recovery.damage.count >= 1 && again.nextOffset == 200)
        #expect(try offsets(again, from: 0).first == 0)
        #expect(try offsets(again, from: 150).first == 150)
        #expect(throws: BrokerError.self) { try offsets(again, from: 20) }
    }

    @Test func timesAreFoundExactly() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path, segmentBytes: 20_000)
        for batch in numbered(1_000) { try append([batch], to: log) }
        #expect(try log.firstOffset(at: 0)?.offset == 0)
        #expect(try log.firstOffset(at: 1_000 + 3_330)?.offset == 666)
        #expect(try log.firstOffset(at: 1_000 + 3_331)?.offset == 667)
        #expect(try log.firstOffset(at: 1_000 + 3_332)?.offset == 668)
        #expect(try log.firstOffset(at: 99_999) == nil)
    }

    @Test func oldSegmentsGoAndOffsetsStay() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path, segmentBytes: 2_000)
        for batch in numbered(100) { try append([batch], to: log) }
        log.configuration = try TopicConfiguration(overrides: ["retention.ms": "500"])
        #expect(try log.applyRetention(nowMs: 1_000 + 990 + 500) > 0)
        #expect(log.startOffset > 0 && log.startOffset < 200)
        #expect(try log.applyRetention(nowMs: 1_000_000) > 0)
        #expect(log.startOffset == 200)
        let (again, _) = try reopened(scratch.path)
        #expect(again.nextOffset == 200 && again.startOffset == 200)
    }

    @Test func retentionForEverKeepsEverything() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path, segmentBytes: 2_000)
        for batch in numbered(100) { try append([batch], to: log) }
        log.configuration = try TopicConfiguration(overrides: ["retention.ms": "-1"])
        #expect(try log.applyRetention(nowMs: .max / 2) == 0)
    }

    @Test func producersAreKnownAfterAReopening() throws {
        let scratch = try Scratch()
        let batches = (0..<8).map { TestBatch.make(["x"], producerID: 3, epoch: 0, sequence: Int32($0)) }
        try append(batches, to: try open(scratch.path))
        let log = try reopened(scratch.path).0
        let newest = try #require(TestBatch.header(batches[7]))
        #expect(log.producers.judge(newest) == .duplicate(baseOffset: 7, lastOffset: 7))
        let next = try #require(TestBatch.header(TestBatch.make(["x"], producerID: 3, epoch: 0, sequence: 8)))
        #expect(log.producers.judge(next) == .append)
        #expect(log.producers.highestID == 3)
    }

    @Test func aWriteThatFailsIsTakenBackWhole() throws {
        let scratch = try Scratch()
        let log = try open(scratch.path)
        try append(numbered(3), to: log)
        var answers: [ErrorCode] = []
        let batch = TestBatch.make(["lost"], producerID: 3, epoch: 0, sequence: 0)
        let header = try #require(TestBatch.header(batch))
        let offset = try log.append(batch, header: header, nowMs: 0)
        log.whenStored(offset) { answers.append($0) }
        var round = WriteRound()
        log.contribute(to: &round)
        let file = try #require(round.writes.first?.file)
        // The next batch comes while the first is on its way; it must not survive it.
        let second = try log.append(batch, header: header, nowMs: 0)
        log.whenStored(second) { answers.append($0) }
        let failure = BrokerError(.storage, operation: "write", message: "No space left on device")
        #expect(log.finish(WriteRound.Outcome(failures: [ObjectIdentifier(file): failure])) == 0)
        #expect(answers == [.kafkaStorageError, .kafkaStorageError])
        #expect(log.nextOffset == 6 && log.producers.judge(header) == .append)
        try append([batch], to: log)
        #expect(try offsets(log, from: 6) == [6])
        #expect(try reopened(scratch.path).0.nextOffset == 7)
    }
}

@Suite struct StateLogTests {
    private let topic = StoredTopic(id: 4, name: "events", partitions: 12, overrides: ["retention.ms": "-1"])
    private let offset = StoredOffset(offset: 77, leaderEpoch: -1, metadata: "m", committedAtMs: 5)

    private var records: [StateRecord] {
        let member = GroupSnapshot.Member(
            id: "m", instanceID: nil, clientID: "c", clientHost: "/h", sessionTimeoutMs: 1, rebalanceTimeoutMs: 2,
            protocols: [GroupProtocol(name: "range", metadata: [1])], assignment: [2])
        return [
            .clusterID("cluster"), .topic(topic), .producerIDs(reservedBelow: 1_000),
            .offset(group: "g", topic: "events", partition: 3, offset),
            .group(
                GroupSnapshot(id: "g", protocolType: "consumer", generation: 3, protocolName: "range", leaderID: "m", members: [member])),
            .logStart(topicID: 4, partition: 1, offset: 9), .offset(group: "h", topic: "events", partition: 0, offset),
            .offsetDeleted(group: "h", topic: "events", partition: 0), .groupDeleted("h"),
        ]
    }

    private func write(_ records: [StateRecord], _ path: String) throws {
        let (log, _) = try StateLog.open(directory: path)
        for record in records { log.append(record) }
        let write = try #require(log.takePending())
        try write.file.write(write.bytes, at: write.position)
    }

    @Test func stateIsTheSameAfterAReopening() throws {
        let scratch = try Scratch()
        try write(records, scratch.path)
        let state = try StateLog.open(directory: scratch.path).0.state
        #expect(state.topics["events"] == topic && state.clusterID == "cluster" && state.producerIDsReservedBelow == 1_000)
        #expect(state.offsets["g"]?.values.first == offset && state.offsets["h"] == nil)
        #expect(state.groups["g"]?.generation == 3 && state.logStarts[4]?[1] == 9)
        var folded = StoredState()
        for record in state.records() { folded.apply(record) }
        #expect(folded == state)
    }

    @Test func aTornTailOfTheStateIsCutOff() throws {
        let scratch = try Scratch()
        try write(records, scratch.path)
        let path = scratch.path + "/state.log"
        let whole = try Scratch.size(path)
        try write([.clusterID("later")], scratch.path)
        let end = try Scratch.size(path)
        for size in whole..<end {
            try Scratch.truncate(path, to: size)
            let (log, recovery) = try StateLog.open(directory: scratch.path)
            #expect(log.state.clusterID == "cluster" && recovery.truncatedBytes == Int64(size - whole))
            try Scratch.append([UInt8](repeating: 7, count: Int(end - size) + 20), to: path)
        }
    }

    @Test func aDeletedTopicsIDIsNeverUsedAgain() throws {
        var state = StoredState()
        state.apply(.topic(topic))
        state.apply(.topicDeleted(name: topic.name))
        var folded = StoredState()
        for record in state.records() { folded.apply(record) }
        #expect(folded.nextTopicID == 5 && folded.topics.isEmpty)
    }
}
