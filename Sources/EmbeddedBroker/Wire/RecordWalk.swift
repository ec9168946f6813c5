/// Walks the records inside a batch that is not compressed.
enum RecordWalk {
    /// The first record at or after `timestamp` and not before offset `from`.
    static func first(
        in batch: UnsafeRawBufferPointer, header: BatchHeader, atOrAfter timestamp: Int64, from: Int64
    ) -> (offset: Int64, timestamp: Int64)? {
        guard !header.isCompressed else { return nil }
        var position = BatchHeader.size
        for _ in 0..<header.recordCount {
            guard let length = varint(batch, &position), length >= 0, Int(length) <= batch.count - position else { return nil }
            let end = position + Int(length)
            position += 1
            guard let timestampDelta = varint(batch, &position), let offsetDelta = varint(batch, &position) else { return nil }
            let found = (offset: header.baseOffset &+ offsetDelta, timestamp: header.baseTimestamp &+ timestampDelta)
            if found.timestamp >= timestamp, found.offset >= from { return found }
            position = end
        }
        return nil
    }

    /// Whether the batch holds as many records as it says, numbered from 0 on, and nothing else: Apache Kafka's `LogValidator` asks the same.
    static func isConsistent(_ batch: UnsafeRawBufferPointer, header: BatchHeader) -> Bool {
        var position = BatchHeader.size
        for number in 0..<Int64(header.recordCount) {
            guard let length = varint(batch, &position), length >= 0, Int(length) <= batch.count - position else { return false }
            let end = position + Int(length)
            position += 1
            guard varint(batch, &position) != nil, let offsetDelta = varint(batch, &position), offsetDelta == number, position <= end else {
                return false
            }
            position = end
        }
        return position == batch.count
    }

    /// A zig-zag varint of at most 64 bits.
    private static func varint(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Int64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
        }
        return nil
    }
}
