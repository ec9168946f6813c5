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

    /// The header of a batch made here.
    static func header(_ batch: ByteBuffer) -> BatchHeader? {
        batch.withUnsafeReadableBytes { BatchHeader($0) }
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
