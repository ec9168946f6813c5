import CCrc32c
import NIOCore
import Testing

@testable import EmbeddedBroker

@Suite struct WireTests {
    @Test func whatIsWrittenIsReadBack() throws {
        var writer = WireWriter()
        writer.int8(-3)
        writer.int16(300)
        writer.int32(-70_000)
        writer.int64(1 << 40)
        writer.string("größe")
        writer.nullableString(nil)
        writer.bytes([1, 2, 3])
        writer.compactNullableString("kompakt")
        writer.compactNullableString(nil)
        writer.varint(300)
        writer.array([7, 8] as [Int32]) { $0.int32($1) }
        writer.noTags()
        var reader = WireReader(writer.buffer)
        #expect(try reader.int8() == -3)
        #expect(try reader.int16() == 300)
        #expect(try reader.int32() == -70_000)
        #expect(try reader.int64() == 1 << 40)
        #expect(try reader.string() == "größe")
        #expect(try reader.nullableString() == nil)
        #expect(try reader.bytes() == [1, 2, 3])
        #expect(try reader.compactString() == "kompakt")
        #expect(try reader.compactNullableString() == nil)
        #expect(try reader.varint() == 300)
        #expect(try reader.array { reader throws(BrokerError) in try reader.int32() } == [7, 8])
        try reader.tags()
        #expect(reader.remaining == 0)
    }

    @Test(arguments: [
        [0x7F, 0xFF, 0xFF, 0xFF] as [UInt8],  // two thousand million elements
        [0xFF, 0xFF, 0xFF, 0xFE],  // minus two elements
        [0x00, 0x00, 0x00, 0x05, 1, 2],  // five elements in two bytes
    ])
    func aCountThatLiesIsAnError(bytes: [UInt8]) {
        var reader = WireReader(ByteBuffer(bytes: bytes))
        #expect(throws: BrokerError.self) { try reader.count() }
    }

    @Test func aFieldBehindTheEndIsAnError() {
        var reader = WireReader(ByteBuffer(bytes: [0, 9, 65]))
        #expect(throws: BrokerError.self) { try reader.string() }
        var short = WireReader(ByteBuffer(bytes: [0, 0, 1]))
        #expect(throws: BrokerError.self) { try short.int32() }
        var varint = WireReader(ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]))
        #expect(throws: BrokerError.self) { try varint.varint() }
    }

    @Test func framesAreCutFromAnyPieces() throws {
        var stream = ByteBuffer()
        let frames = [8, 20, 5_000, 9].map { [UInt8](repeating: UInt8($0 % 251), count: $0) }
        for frame in frames {
            stream.writeInteger(Int32(frame.count))
            stream.writeBytes(frame)
        }
        for piece in [1, 3, 7, 4_096, stream.readableBytes] {
            var splitter = FrameSplitter()
            var rest = stream
            var seen: [[UInt8]] = []
            while let bytes = rest.readSlice(length: min(piece, max(1, rest.readableBytes))) {
                splitter.feed(bytes)
                while let frame = try splitter.next() { seen.append(Array(frame.readableBytesView)) }
                if rest.readableBytes == 0 { break }
            }
            #expect(seen == frames)
            #expect(splitter.heldBytes == 0)
        }
    }

    @Test(arguments: [Int32(-1), 0, 7, Int32.max])
    func aFrameLengthThatNoRequestHasIsAnError(length: Int32) {
        var splitter = FrameSplitter()
        var bytes = ByteBuffer()
        bytes.writeInteger(length)
        splitter.feed(bytes)
        #expect(throws: BrokerError.self) { try splitter.next() }
    }

    @Test func checksumIsTheOneOfRFC3720() {
        let zeros = [UInt8](repeating: 0, count: 32)
        let counting = (0..<32).map { UInt8($0) }
        #expect(zeros.withUnsafeBytes { Crc32c.of($0) } == 0x8A91_36AA)
        #expect(counting.withUnsafeBytes { Crc32c.of($0) } == 0x46DD_794E)
        for count in 0..<100 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(bytes.withUnsafeBytes { ccrc32c(0, $0.baseAddress, count) == ccrc32c_portable(0, $0.baseAddress, count) })
        }
    }
}

@Suite struct BatchTests {
    private func refusal(_ batch: ByteBuffer, maxBytes: Int = 1_000_000) -> ErrorCode? {
        batch.withUnsafeReadableBytes { BatchHeader.refusal(of: $0, maxBytes: maxBytes) }
    }

    @Test func aSoundBatchIsTaken() throws {
        let batch = TestBatch.make(["a", "b", "c"], producerID: 9, epoch: 1, sequence: 4)
        #expect(refusal(batch) == nil)
        let header = try #require(TestBatch.header(batch))
        #expect(header.recordCount == 3 && header.totalSize == batch.readableBytes && header.producerID == 9 && header.isConsistent)
    }

    @Test func aBatchThatLiesIsRefused() {
        let batch = TestBatch.make(["a", "b", "c"])
        var changed = batch
        changed.setInteger(UInt8(0xEE), at: changed.readableBytes - 2)
        #expect(refusal(changed) == .corruptMessage)
        var shorter = batch
        shorter.setInteger(Int32(20), at: 8)
        #expect(refusal(shorter) == .invalidRecord)
        #expect(refusal(batch.getSlice(at: 0, length: 40) ?? ByteBuffer()) == .corruptMessage)
        #expect(refusal(ByteBuffer()) == .corruptMessage)
        #expect(refusal(batch, maxBytes: 70) == .messageTooLarge)
        var old = batch
        old.setInteger(UInt8(1), at: 16)
        #expect(refusal(old) == .unsupportedForMessageFormat)
        #expect(refusal(TestBatch.make(["a"], attributes: 0x10)) == .invalidRecord)
        #expect(refusal(TestBatch.make(["a"], producerID: 5)) == .invalidRecord)
        for claimed in [2, 4, 1_000_000, 0, -1, Int32.max, Int32.min] as [Int32] {
            var lying = batch
            lying.setInteger(claimed &- 1, at: 23)
            lying.setInteger(claimed, at: 57)
            #expect(refusal(TestBatch.resealed(lying)) == .invalidRecord)
        }
        var padded = batch
        padded.writeInteger(UInt8(0))
        #expect(refusal(TestBatch.resealed(padded)) == .invalidRecord)
        var twice = batch
        twice.writeImmutableBuffer(batch)
        #expect(refusal(twice) == .invalidRecord)
    }
}
