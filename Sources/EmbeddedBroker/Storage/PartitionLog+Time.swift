/// Look-up by time and removal of old records.
extension PartitionLog {
    /// The first record with a timestamp of `timestamp` or later, or nil when there is none.
    ///
    /// Exact for batches that are not compressed. Of a compressed batch the first offset is answered, which may be earlier than the record looked for
    /// but never later: the records inside are opaque here.
    func firstOffset(at timestamp: Int64) throws(BrokerError) -> (offset: Int64, timestamp: Int64)? {
        for segment in segments where segment.maxTimestamp >= timestamp && segment.committedSize > 0 {
            var scanner = BatchScanner(
                file: segment.file, from: segment.position(beforeTimestamp: timestamp), to: segment.committedSize, chunk: BatchScanner.lookupSize)
            while let header = try scanner.header() {
                if header.maxTimestamp >= timestamp, header.lastOffset >= startOffset {
                    let exact =
                        try scanner.withBatch(header) { RecordWalk.first(in: $0, header: header, atOrAfter: timestamp, from: startOffset) } ?? nil
                    if let exact { return exact }
                    if header.isCompressed { return (max(header.baseOffset, startOffset), header.baseTimestamp) }
                }
                scanner.skip(header)
            }
        }
        return nil
    }

    /// Removes segments that the topic's retention lets go, oldest first, and returns how many.
    func applyRetention(nowMs: Int64) throws(BrokerError) -> Int {
        guard !hasPending, highWatermark == nextOffset else { return 0 }
        var excess = configuration.retentionBytes >= 0 ? sizeBytes - configuration.retentionBytes : -1
        var expired = 0
        for segment in segments {
            let isTooOld = configuration.retentionMs >= 0 && segment.size > 0 && nowMs - segment.maxTimestamp > configuration.retentionMs
            let isTooMuch = excess >= segment.size && segment.size > 0
            let isDeleted =
                segment.baseOffset < startOffset && (segments.first { $0.baseOffset > segment.baseOffset }?.baseOffset ?? nextOffset) <= startOffset
            guard isTooOld || isTooMuch || isDeleted else { break }
            excess -= segment.size
            expired += 1
        }
        guard expired > 0 else { return 0 }
        // The active segment's name is what carries the next offset across a restart, so one must remain.
        if expired == segments.count {
            try roll(nowMs: nowMs)
            try Directory.sync(directory)
        }
        for segment in segments.prefix(expired) { Directory.remove(segment.file.path) }
        segments.removeFirst(expired)
        startOffset = max(startOffset, segments.first?.baseOffset ?? startOffset)
        return expired
    }
}

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
