import Testing

@testable import EmbeddedBroker

@Suite struct ProducerWindowsTests {
    private func header(_ sequence: Int32, count: Int = 1, epoch: Int16 = 0, id: Int64 = 7) throws -> BatchHeader {
        try #require(TestBatch.header(TestBatch.make(.init(repeating: "x", count: count), producerID: id, epoch: epoch, sequence: sequence)))
    }

    @Test func aRepeatedBatchIsAnsweredWithItsFirstOffset() throws {
        var windows = ProducerWindows()
        for batch in 0..<6 { windows.record(try header(Int32(batch * 2), count: 2), baseOffset: Int64(100 + batch * 2)) }
        #expect(windows.judge(try header(2, count: 2)) == .duplicate(baseOffset: 102, lastOffset: 103))
        #expect(windows.judge(try header(10, count: 2)) == .duplicate(baseOffset: 110, lastOffset: 111))
        #expect(windows.judge(try header(12)) == .append)
        // Six batches ago is further than the window reaches.
        #expect(windows.judge(try header(0, count: 2)) == .refuse(.outOfOrderSequenceNumber))
    }

    @Test func aGapIsRefused() throws {
        var windows = ProducerWindows()
        windows.record(try header(0), baseOffset: 0)
        #expect(windows.judge(try header(2)) == .refuse(.outOfOrderSequenceNumber))
        #expect(windows.judge(try header(1)) == .append)
    }

    @Test func anUnknownProducerMayBeginAnywhere() throws {
        #expect(ProducerWindows().judge(try header(41)) == .append)
    }

    @Test func epochsFenceAndBeginAgain() throws {
        var windows = ProducerWindows()
        windows.record(try header(0, epoch: 3), baseOffset: 0)
        #expect(windows.judge(try header(1, epoch: 2)) == .refuse(.invalidProducerEpoch))
        #expect(windows.judge(try header(5, epoch: 4)) == .refuse(.outOfOrderSequenceNumber))
        #expect(windows.judge(try header(0, epoch: 4)) == .append)
    }

    @Test func sequencesWrapAround() throws {
        var windows = ProducerWindows()
        windows.record(try header(Int32.max - 1, count: 4), baseOffset: 0)
        #expect(windows.judge(try header(2)) == .append)
        #expect(windows.judge(try header(Int32.max - 1, count: 4)) == .duplicate(baseOffset: 0, lastOffset: 3))
    }

    @Test func whatWasNotStoredIsForgotten() throws {
        var windows = ProducerWindows()
        windows.record(try header(0), baseOffset: 0)
        windows.record(try header(1), baseOffset: 1)
        windows.record(try header(0, id: 8), baseOffset: 2)
        windows.rollBack(to: 1)
        #expect(windows.judge(try header(1)) == .append)
        #expect(windows.judge(try header(0)) == .duplicate(baseOffset: 0, lastOffset: 0))
        #expect(windows.count == 1)
    }

    @Test func memoryIsBounded() throws {
        var windows = ProducerWindows()
        for id in 0..<Int64(ProducerWindows.maxProducers + 5) { windows.record(try header(0, id: id), baseOffset: id) }
        #expect(windows.count <= ProducerWindows.maxProducers)
        #expect(windows.judge(try header(0, id: Int64(ProducerWindows.maxProducers + 4))) != .append)
    }

    @Test func idsComeOnlyFromStoredBlocks() {
        var ids = ProducerIDs(next: 5)
        #expect(ids.take() == nil)
        let bound = ids.reservation()
        #expect(bound == 5 + ProducerIDs.blockSize)
        #expect(ids.reservation() == nil)
        ids.reserved(below: bound ?? 0, stored: true)
        #expect(ids.take() == 5)
        #expect(ids.take() == 6)
        #expect(ids.reservation() == nil)
    }
}
