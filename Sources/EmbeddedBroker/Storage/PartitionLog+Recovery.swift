/// Opening what is on disk.
extension PartitionLog {
    /// What the recovery of one partition found.
    struct Recovery {
        /// Bytes cut off behind the last good batch.
        var truncatedBytes: Int64 = 0
        /// Places in sealed segments where a batch is damaged, as path and position.
        var damage: [(path: String, position: Int64)] = []
    }

    /// Scans every segment: checksums, index, producers' windows. A torn tail of the last segment is cut off at the last good batch.
    ///
    /// `logStart` is what DeleteRecords left. Damage in a sealed segment is reported and what follows it in that segment is not served; the file stays as
    /// it is, for an operator to look at.
    func recover(logStart: Int64) throws(BrokerError) -> Recovery {
        var recovery = Recovery()
        let names = try Directory.names(in: directory)
        let bases = names.compactMap { Segment.baseOffset(name: $0) }.sorted()
        nextOffset = bases.first ?? 0
        for (number, base) in bases.enumerated() {
            let isLast = number == bases.count - 1
            let path = directory + "/" + Segment.name(baseOffset: base)
            // Offsets run on from segment to segment; a gap means that a whole file is missing, or that the one before lost its end.
            if base != nextOffset, recovery.damage.isEmpty { recovery.damage.append((path, 0)) }
            nextOffset = base
            let segment = Segment(baseOffset: base, file: try LogFile(path: path, create: false), createdAtMs: Clock.nowMs())
            let size = try segment.file.size()
            try scan(segment, size: size)
            if segment.size < size {
                if isLast {
                    recovery.truncatedBytes = size - segment.size
                    try segment.file.truncate(to: segment.size)
                } else {
                    recovery.damage.append((path, segment.size))
                }
            }
            segment.committedSize = segment.size
            segments.append(segment)
        }
        highWatermark = nextOffset
        startOffset = min(max(logStart, segments.first?.baseOffset ?? 0), nextOffset)
        return recovery
    }

    private func scan(_ segment: Segment, size: Int64) throws(BrokerError) {
        var scanner = BatchScanner(file: segment.file, from: 0, to: size, chunk: BatchScanner.chunkSize)
        while let header = try scanner.header(), header.baseOffset == nextOffset {
            guard try scanner.withBatch(header, { header.checksumMatches($0) }) == true else { break }
            segment.extend(with: header, baseOffset: header.baseOffset)
            producers.record(header, baseOffset: header.baseOffset)
            nextOffset = header.lastOffset + 1
            scanner.skip(header)
        }
    }
}
