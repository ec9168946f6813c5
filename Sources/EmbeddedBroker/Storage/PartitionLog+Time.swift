/// Look-up by time and removal of old records.
extension PartitionLog {
    /// The first record with a timestamp of `timestamp` or later, or nil when there is none.
    ///
    /// Exact for batches that are not compressed. Of a compressed batch the first offset is answered, which may be earlier than the record looked for
    /// but never later: the records inside are opaque here.
    func firstOffset(at timestamp: Int64, waits: Bool = true) throws(BrokerError) -> (offset: Int64, timestamp: Int64)? {
        for segment in segments where segment.maxTimestamp >= timestamp && segment.committedSize > 0 {
            var scanner = BatchScanner(
                file: segment.file, from: segment.position(beforeTimestamp: timestamp), to: segment.committedSize, chunk: BatchScanner.lookupSize,
                waits: waits)
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

    /// The part of a file where ``firstOffset(at:waits:)`` begins to look.
    func span(atTimestamp timestamp: Int64) -> LogSpan? {
        guard let segment = segments.first(where: { $0.maxTimestamp >= timestamp && $0.committedSize > 0 }) else { return nil }
        let start = segment.position(beforeTimestamp: timestamp)
        let count = Segment.indexInterval + configuration.maxMessageBytes
        return LogSpan(file: segment.file, start: start, end: min(segment.committedSize, start + Int64(count)))
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
        for segment in segments.prefix(expired) {
            Directory.remove(segment.file.path)
            Directory.remove(SegmentCheckpoint.path(ofSegment: segment.file.path))
        }
        segments.removeFirst(expired)
        startOffset = max(startOffset, segments.first?.baseOffset ?? startOffset)
        return expired
    }
}
