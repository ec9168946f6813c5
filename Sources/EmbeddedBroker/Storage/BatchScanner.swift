/// Walks the batches of a segment file through one buffer, for recovery and for look-ups behind the sparse index.
struct BatchScanner: ~Copyable {
    /// Bytes read at once: small enough to stay in a processor's cache while the checksum runs over it.
    static let chunkSize = 256 * 1_024
    /// Bytes read at once where only the neighbourhood of an index entry is looked at.
    static let lookupSize = 32 * 1_024

    private let file: LogFile
    /// Whether a read may wait for the disk.
    private let waits: Bool
    private let end: Int64
    private var buffer: UnsafeMutableRawBufferPointer
    /// The file position of the first byte in `buffer`, and how many bytes of it are valid.
    private var bufferStart: Int64 = 0
    private var bufferCount = 0
    /// The position of the next batch.
    private(set) var position: Int64

    /// Walks from `position`, which must be the start of a batch, to `end`.
    init(file: LogFile, from position: Int64, to end: Int64, chunk: Int, waits: Bool = true) {
        self.file = file
        self.waits = waits
        self.position = position
        self.end = end
        buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The header of the batch at ``position``, or nil at the end or where no whole, consistent batch follows.
    mutating func header() throws(BrokerError) -> BatchHeader? {
        guard end - position >= Int64(BatchHeader.size), try load(BatchHeader.size) else { return nil }
        guard let header = BatchHeader(UnsafeRawBufferPointer(current(BatchHeader.size))), header.isConsistent else { return nil }
        guard Int64(header.totalSize) <= end - position else { return nil }
        return header
    }

    /// The bytes of the batch that `header` describes, at ``position``.
    mutating func withBatch<Result>(_ header: BatchHeader, _ body: (UnsafeRawBufferPointer) -> Result) throws(BrokerError) -> Result? {
        guard try load(header.totalSize) else { return nil }
        return body(UnsafeRawBufferPointer(current(header.totalSize)))
    }

    /// Goes on behind the batch that `header` describes.
    mutating func skip(_ header: BatchHeader) {
        position += Int64(header.totalSize)
    }

    private func current(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let start = Int(position - bufferStart)
        return UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + count])
    }

    /// Makes sure that `count` bytes from ``position`` on are in the buffer.
    private mutating func load(_ count: Int) throws(BrokerError) -> Bool {
        if position >= bufferStart, position + Int64(count) <= bufferStart + Int64(bufferCount) { return true }
        if count > buffer.count {
            buffer.deallocate()
            buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        }
        bufferStart = position
        let wanted = Int(min(Int64(buffer.count), end - position))
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        bufferCount = 0
        bufferCount = waits ? try file.read(into: target, at: position) : try file.readCached(into: target, at: position)
        return bufferCount >= count
    }
}
