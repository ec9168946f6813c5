/// Opening what is on disk.
extension PartitionLog {
    /// What the recovery of one partition found.
    struct Recovery {
        /// Bytes cut off behind the last good batch.
        var truncatedBytes: Int64 = 0
        /// Places in sealed segments where a batch is damaged, as path and position.
        var damage: [(path: String, position: Int64)] = []
    }

    /// Takes from each segment's checkpoint what it knows, and scans what lies behind: checksums, index, producers' windows. A torn tail of the last segment is
    /// cut off at the last good batch.
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
            if let checkpoint = SegmentCheckpoint.read(for: segment.file, baseOffset: base, fileSize: size) {
                segment.restore(checkpoint)
                producers = checkpoint.producers
                nextOffset = checkpoint.nextOffset
            }
            try scan(segment, size: size)
            if segment.size < size {
                if isLast {
                    recovery.truncatedBytes = size - segment.size
                    try segment.file.truncate(to: segment.size)
                } else {
                    segment.isDamaged = true
                    recovery.damage.append((path, segment.size))
                }
            }
            segment.committedSize = segment.size
            segments.append(segment)
        }
        for name in names
        where name.hasSuffix(".checkpoint") && !bases.contains(where: { Segment.name(baseOffset: $0).dropLast(4) == name.dropLast(11) }) {
            Directory.remove(directory + "/" + name)
        }
        highWatermark = nextOffset
        startOffset = min(max(logStart, segments.first?.baseOffset ?? 0), nextOffset)
        return recovery
    }

    private func scan(_ segment: Segment, size: Int64) throws(BrokerError) {
        var scanner = BatchScanner(file: segment.file, from: segment.size, to: size, chunk: BatchScanner.chunkSize)
        while let header = try scanner.header(), header.baseOffset == nextOffset {
            guard try scanner.withBatch(header, { header.checksumMatches($0) }) == true else { break }
            segment.extend(with: header, baseOffset: header.baseOffset)
            producers.record(header, baseOffset: header.baseOffset)
            nextOffset = header.lastOffset + 1
            scanner.skip(header)
        }
    }

    /// A checkpoint that is due, of the oldest of the newest segments that needs one. `isLast` asks for every one that is worth it, before the end.
    func takeCheckpoint(isLast: Bool = false) -> (file: LogFile, checkpoint: SegmentCheckpoint)? {
        let recent = segments.suffix(isLast ? segments.count : 4)
        for index in recent.indices where !segments[index].isDamaged {
            let segment = segments[index]
            let isActive = index == segments.count - 1
            let due = isActive && !isLast ? SegmentCheckpoint.intervalBytes : SegmentCheckpoint.minBytes
            guard segment.committedSize - segment.checkpointedSize >= due else { continue }
            // A full segment ends where the next begins, once all of it is written.
            if !isActive, segment.committedSize < segment.size { continue }
            let end = isActive ? highWatermark : segments[index + 1].baseOffset
            segment.checkpointedSize = segment.committedSize
            return (segment.file, SegmentCheckpoint(of: segment, nextOffset: end, producers: producers))
        }
        return nil
    }
}
