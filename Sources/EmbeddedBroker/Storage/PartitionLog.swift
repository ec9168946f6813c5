import NIOCore

/// One partition: its segments, its producers' windows, and who waits for it.
///
/// Confined to the event loop. Offsets are given at ``append(_:header:)``; records become readable when their round is through.
final class PartitionLog {
    let topic: String
    let index: Int32
    let directory: String
    var configuration: TopicConfiguration

    /// Oldest first; empty until the first append.
    var segments: [Segment] = []
    /// The first offset that can be read.
    var startOffset: Int64 = 0
    /// The offset that the next batch gets.
    var nextOffset: Int64 = 0
    /// The first offset that cannot be read yet.
    var highWatermark: Int64 = 0
    var producers = ProducerWindows()

    /// Fetches that wait for records here.
    var waiters: [ObjectIdentifier: FetchWaiter] = [:]
    /// Answers that wait for a round, with the last offset each depends on; in order of offset.
    private var acknowledgements: [(lastOffset: Int64, done: (ErrorCode) -> Void)] = []
    /// Writes not handed to a round yet; the last one still grows.
    private var pending: [(segment: Segment, position: Int64, bytes: ByteBuffer)] = []
    /// The segments of the round under way, with the size that each has when it is through.
    private var underWay: [(segment: Segment, size: Int64)] = []
    private var underWayEnd: Int64 = 0
    /// Where recent reads ended: the next read of the same consumer begins there without a search.
    private var readHints: [ReadHint] = []
    private var nextHint = 0
    /// A new segment file exists whose directory entry is not durable yet.
    private var directoryChanged = false

    private struct ReadHint {
        var offset: Int64
        var segmentBase: Int64
        var position: Int64
    }

    /// Consumers whose place is remembered per partition.
    private static let maxReadHints = 8

    init(topic: String, index: Int32, directory: String, configuration: TopicConfiguration) {
        self.topic = topic
        self.index = index
        self.directory = directory
        self.configuration = configuration
    }

    /// Whether a round is needed.
    var hasPending: Bool { !pending.isEmpty }
    /// Bytes of log, for retention and DescribeLogDirs.
    var sizeBytes: Int64 { segments.reduce(0) { $0 + $1.size } }

    // MARK: Appending

    /// Takes a checked batch in, gives it offsets, and returns its base offset. Its bytes are copied, so that the request's buffer is free.
    /// - Throws: when a new segment is needed and cannot be created.
    func append(_ batch: ByteBuffer, header: BatchHeader, nowMs: Int64) throws(BrokerError) -> Int64 {
        let segment = try activeSegment(for: header.totalSize, nowMs: nowMs)
        let baseOffset = nextOffset
        if pending.last?.segment !== segment {
            pending.append((segment, segment.size, ByteBufferAllocator().buffer(capacity: max(4_096, batch.readableBytes))))
        }
        let last = pending.count - 1
        let start = pending[last].bytes.writerIndex
        pending[last].bytes.writeImmutableBuffer(batch)
        // Neither field is covered by the checksum.
        pending[last].bytes.setInteger(baseOffset, at: start)
        pending[last].bytes.setInteger(Int32(0), at: start + 12)
        segment.extend(with: header, baseOffset: baseOffset)
        producers.record(header, baseOffset: baseOffset)
        nextOffset = baseOffset + Int64(header.lastOffsetDelta) + 1
        return baseOffset
    }

    /// Calls `done` when everything up to `lastOffset` is stored, or has failed to be.
    func whenStored(_ lastOffset: Int64, _ done: @escaping (ErrorCode) -> Void) {
        if lastOffset < highWatermark { return done(.none) }
        acknowledgements.append((lastOffset, done))
    }

    private func activeSegment(for bytes: Int, nowMs: Int64) throws(BrokerError) -> Segment {
        if let active = segments.last {
            let isFull = active.size > 0 && active.size + Int64(bytes) > configuration.segmentBytes
            let isOld = active.size > 0 && nowMs - active.createdAtMs > configuration.segmentMs
            if !isFull && !isOld { return active }
        }
        return try roll(nowMs: nowMs)
    }

    /// Begins a new segment at the next offset.
    @discardableResult
    func roll(nowMs: Int64) throws(BrokerError) -> Segment {
        try Directory.create(directory)
        let file = try LogFile(path: directory + "/" + Segment.name(baseOffset: nextOffset), create: true)
        try file.truncate(to: 0)
        let segment = Segment(baseOffset: nextOffset, file: file, createdAtMs: nowMs)
        segments.append(segment)
        directoryChanged = true
        return segment
    }

    // MARK: Rounds

    /// Adds this partition's bytes to `round`.
    func contribute(to round: inout WriteRound) {
        underWay = pending.map { ($0.segment, $0.position + Int64($0.bytes.readableBytes)) }
        underWayEnd = nextOffset
        for write in pending { round.writes.append(WriteRound.Write(file: write.segment.file, position: write.position, bytes: write.bytes)) }
        pending.removeAll(keepingCapacity: true)
        if directoryChanged {
            round.directories.insert(directory)
            if let slash = directory.lastIndex(of: "/") { round.directories.insert(String(directory[..<slash])) }
            directoryChanged = false
        }
    }

    /// The round is through: its records become readable, or are forgotten with everything that came after them. Returns the bytes gained.
    func finish(_ outcome: WriteRound.Outcome) -> Int {
        let failed = underWay.contains { outcome.failures[ObjectIdentifier($0.segment.file)] != nil }
        defer { underWay.removeAll(keepingCapacity: true) }
        if failed {
            rollBack()
            return 0
        }
        var gained = 0
        for (segment, size) in underWay {
            gained += Int(size - segment.committedSize)
            segment.committedSize = size
        }
        highWatermark = underWayEnd
        let through = acknowledgements.prefix { $0.lastOffset < highWatermark }
        acknowledgements.removeFirst(through.count)
        for acknowledgement in through { acknowledgement.done(.none) }
        return gained
    }

    /// Back to the last offset that is stored: whatever was accepted since is refused.
    private func rollBack() {
        pending.removeAll()
        nextOffset = highWatermark
        while let last = segments.last, last.baseOffset >= highWatermark, last.committedSize == 0, segments.count > 1 { segments.removeLast() }
        for segment in segments where segment.size > segment.committedSize {
            segment.rollBack()
            // A later segment of the round may have been written although an earlier one failed.
            try? segment.file.truncate(to: segment.committedSize)
        }
        producers.rollBack(to: highWatermark)
        readHints.removeAll()
        let refused = acknowledgements
        acknowledgements.removeAll()
        for acknowledgement in refused { acknowledgement.done(.kafkaStorageError) }
    }

    /// The topic was deleted: whoever waits for an answer gets one.
    func abandon() {
        pending.removeAll()
        let waiting = acknowledgements
        acknowledgements.removeAll()
        for acknowledgement in waiting { acknowledgement.done(.unknownTopicOrPartition) }
    }

    // MARK: Reading

    /// Appends whole batches from the one that holds `offset` on to `buffer`: at most `maxBytes`, but always one batch when `atLeastOne` is set.
    ///
    /// `offset` must lie between ``startOffset`` and ``highWatermark``. Nothing is appended when there is nothing to read. Without `waits`, what is not in the
    /// page cache is ``BrokerError/Code/notCached``.
    func read(from offset: Int64, maxBytes: Int, atLeastOne: Bool, waits: Bool = true, into buffer: inout ByteBuffer) throws(BrokerError) {
        guard offset < highWatermark, let segment = segment(holding: offset) else { return }
        let position = try position(of: offset, in: segment, waits: waits)
        let available = Int(min(segment.committedSize, segment.damagedAt ?? .max) - position)
        guard available >= BatchHeader.size else {
            throw BrokerError(.storage, operation: "read a batch", message: "\(segment.file.path) is damaged from byte \(position) on")
        }
        // At least a header is read, to know how long the first batch is.
        var count = try append(from: segment, at: position, count: min(max(maxBytes, BatchHeader.size), available), waits: waits, to: &buffer)
        if count.whole == 0, atLeastOne, let first = count.first, first <= available {
            buffer.moveWriterIndex(to: buffer.writerIndex - count.read)
            count = try append(from: segment, at: position, count: first, waits: waits, to: &buffer)
        }
        buffer.moveWriterIndex(to: buffer.writerIndex - (count.read - count.whole))
        if count.whole > 0 { remember(ReadHint(offset: count.nextOffset, segmentBase: segment.baseOffset, position: position + Int64(count.whole))) }
    }

    /// The part of a file that ``read(from:maxBytes:atLeastOne:waits:into:)`` would look at, or a little more.
    func span(from offset: Int64, maxBytes: Int) -> LogSpan? {
        guard let segment = segment(holding: offset) else { return nil }
        let start = segment.position(before: offset)
        let count = Segment.indexInterval + max(maxBytes, configuration.maxMessageBytes)
        return LogSpan(file: segment.file, start: start, end: min(segment.committedSize, start + Int64(count)))
    }

    /// Bytes from `offset` on, at most one index interval too many; for deciding whether a fetch has enough.
    func readableBytes(from offset: Int64) -> Int {
        guard offset < highWatermark else { return 0 }
        var bytes = 0
        for segment in segments.reversed() {
            if segment.baseOffset > offset {
                bytes += Int(segment.committedSize)
                continue
            }
            let hint = readHints.first { $0.offset == offset && $0.segmentBase == segment.baseOffset }
            return max(1, bytes + Int(segment.committedSize - (hint?.position ?? segment.position(before: offset))))
        }
        return bytes
    }

    /// Reads `count` bytes, and says how many of them are whole batches, how long the first is, and which offset follows.
    private func append(
        from segment: Segment, at position: Int64, count: Int, waits: Bool, to buffer: inout ByteBuffer
    ) throws(BrokerError) -> (read: Int, whole: Int, first: Int?, nextOffset: Int64) {
        var failure: BrokerError?
        var whole = 0
        var first: Int?
        var nextOffset: Int64 = 0
        let read = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            let slice = UnsafeMutableRawBufferPointer(rebasing: target[..<count])
            do throws(BrokerError) {
                let read = waits ? try segment.file.read(into: slice, at: position) : try segment.file.readCached(into: slice, at: position)
                while let header = BatchHeader(UnsafeRawBufferPointer(rebasing: slice[whole..<read])), header.totalSize >= BatchHeader.size {
                    if first == nil { first = header.totalSize }
                    guard whole + header.totalSize <= read else { break }
                    whole += header.totalSize
                    nextOffset = header.lastOffset + 1
                }
                return read
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return (read, whole, first, nextOffset)
    }

    /// The segment with the batch that holds `offset`.
    private func segment(holding offset: Int64) -> Segment? {
        segments.last { $0.baseOffset <= offset }
    }

    private func position(of offset: Int64, in segment: Segment, waits: Bool) throws(BrokerError) -> Int64 {
        for hint in readHints where hint.offset == offset && hint.segmentBase == segment.baseOffset { return hint.position }
        var scanner = BatchScanner(
            file: segment.file, from: segment.position(before: offset), to: segment.committedSize, chunk: BatchScanner.lookupSize, waits: waits)
        while let header = try scanner.header(), header.lastOffset < offset { scanner.skip(header) }
        return scanner.position
    }

    private func remember(_ hint: ReadHint) {
        if readHints.count < Self.maxReadHints {
            readHints.append(hint)
        } else {
            readHints[nextHint] = hint
            nextHint = (nextHint + 1) % Self.maxReadHints
        }
    }
}
