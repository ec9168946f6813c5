import NIOCore

@testable import EmbeddedBroker

/// Builds record batches as a client would.
enum TestBatch {
    /// A batch that is not compressed, with one record per value.
    static func make(
        _ values: [String], baseTimestamp: Int64 = Clock.nowMs(), timestampStep: Int64 = 1, producerID: Int64 = -1, epoch: Int16 = -1,
        sequence: Int32 = -1, attributes: Int16 = 0
    ) -> ByteBuffer {
        var records = ByteBuffer()
        for (number, value) in values.enumerated() {
            var record = ByteBuffer()
            record.writeInteger(Int8(0))
            zigZag(Int64(number) * timestampStep, to: &record)
            zigZag(Int64(number), to: &record)
            zigZag(-1, to: &record)
            zigZag(Int64(value.utf8.count), to: &record)
            record.writeString(value)
            zigZag(0, to: &record)
            zigZag(Int64(record.readableBytes), to: &records)
            records.writeBuffer(&record)
        }
        var checked = ByteBuffer()
        checked.writeInteger(attributes)
        checked.writeInteger(Int32(values.count - 1))
        checked.writeInteger(baseTimestamp)
        checked.writeInteger(baseTimestamp + Int64(values.count - 1) * timestampStep)
        checked.writeInteger(producerID)
        checked.writeInteger(epoch)
        checked.writeInteger(sequence)
        checked.writeInteger(Int32(values.count))
        checked.writeBuffer(&records)
        var batch = ByteBuffer()
        batch.writeInteger(Int64(0))
        batch.writeInteger(Int32(9 + checked.readableBytes))
        batch.writeInteger(Int32(-1))
        batch.writeInteger(Int8(2))
        batch.writeInteger(Crc32c.of(checked))
        batch.writeBuffer(&checked)
        return batch
    }

    /// The batch with the checksum and the length that its bytes have now.
    static func resealed(_ batch: ByteBuffer) -> ByteBuffer {
        var batch = batch
        guard batch.readableBytes >= BatchHeader.size else { return batch }
        batch.setInteger(Int32(batch.readableBytes - BatchHeader.lengthPrefix), at: batch.readerIndex + 8)
        let crc = batch.withUnsafeReadableBytes { Crc32c.of(UnsafeRawBufferPointer(rebasing: $0[BatchHeader.checksumStart...])) }
        batch.setInteger(crc, at: batch.readerIndex + 17)
        return batch
    }

    /// The header of a batch made here.
    static func header(_ batch: ByteBuffer) -> BatchHeader? {
        batch.withUnsafeReadableBytes { BatchHeader($0) }
    }

    /// The value of the first record of a batch that is not compressed.
    static func firstValue(_ batch: ByteBuffer) -> String? {
        firstValueBytes(batch).map { String(buffer: $0) }
    }

    /// The bytes of that value.
    static func firstValueBytes(_ batch: ByteBuffer) -> ByteBuffer? {
        var rest = batch
        rest.moveReaderIndex(forwardBy: BatchHeader.size)
        _ = varint(&rest)
        rest.moveReaderIndex(forwardBy: 1)
        for _ in 0..<2 { _ = varint(&rest) }
        rest.moveReaderIndex(forwardBy: max(0, Int(varint(&rest))))
        return rest.readSlice(length: Int(varint(&rest)))
    }

    private static func varint(_ buffer: inout ByteBuffer) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = buffer.readInteger(as: UInt8.self) {
            value |= UInt64(byte & 0x7F) << shift
            shift += 7
            if byte & 0x80 == 0 { break }
        }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    private static func zigZag(_ value: Int64, to buffer: inout ByteBuffer) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }
}
