import Glibc
import NIOCore

/// What a start needs to know of a segment without reading it: index, times and producers up to a size that is durable.
///
/// It stands beside the segment, as Apache Kafka's indexes and producer snapshots do, and says how far recovery need not look (Kafka's recovery point). It is
/// written after the segment was synced, so it never promises more than a power cut leaves; when it is torn or missing, the segment is read from its start.
struct SegmentCheckpoint: Sendable {
    /// New bytes in a segment after which a checkpoint is due: what a start after a kill must read, per partition.
    static let intervalBytes: Int64 = 8 * 1_024 * 1_024
    /// New bytes that are worth one when a segment is full or the broker stops; reading fewer is as quick.
    static let minBytes: Int64 = 256 * 1_024
    private static let magic: UInt32 = 0x4542_4331
    private static let header = 8

    var baseOffset: Int64
    /// Bytes of the segment that this speaks for.
    var size: Int64
    /// The offset behind them.
    var nextOffset: Int64
    var maxTimestamp: Int64
    var createdAtMs: Int64
    var index: [Segment.IndexEntry]
    var producers: ProducerWindows

    /// Where the checkpoint of the segment at `path` is.
    static func path(ofSegment path: String) -> String { path.dropLast(4) + ".checkpoint" }

    /// Makes the segment durable, then writes the checkpoint. Blocks.
    func write(for file: LogFile) throws(BrokerError) {
        try file.sync()
        let path = Self.path(ofSegment: file.path)
        let new = try LogFile(path: path + ".new", create: true)
        let bytes = encoded()
        do throws(BrokerError) {
            try new.write(bytes, at: 0)
            try new.truncate(to: Int64(bytes.readableBytes))
        } catch {
            unlink(path + ".new")
            throw error
        }
        guard rename(path + ".new", path) == 0 else { throw .system(.storage, operation: "replace a checkpoint", path: path) }
    }

    /// The checkpoint of `segment`, or nil when there is none that fits it.
    static func read(for file: LogFile, baseOffset: Int64, fileSize: Int64) -> SegmentCheckpoint? {
        guard let source = try? LogFile(path: path(ofSegment: file.path), create: false), let size = try? source.size(), size > Int64(header) else {
            return nil
        }
        var bytes = ByteBufferAllocator().buffer(capacity: Int(size))
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(size)) { target in
            (try? source.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<Int(size)]), at: 0)) ?? 0
        }
        guard bytes.readInteger(as: UInt32.self) == magic, bytes.readInteger(as: UInt32.self) == Crc32c.of(bytes) else { return nil }
        var reader = WireReader(trusted: bytes)
        guard let checkpoint = try? SegmentCheckpoint(from: &reader), checkpoint.baseOffset == baseOffset, checkpoint.size <= fileSize else {
            return nil
        }
        // The last batch it knows must be where it says.
        guard let last = checkpoint.index.last else { return nil }
        var scanner = BatchScanner(file: file, from: last.position, to: fileSize, chunk: BatchHeader.size)
        guard let batch = try? scanner.header(), batch.baseOffset == last.offset else { return nil }
        return checkpoint
    }

    private func encoded() -> ByteBuffer {
        var writer = WireWriter(capacity: 64 + index.count * 24)
        writer.int64(baseOffset)
        writer.int64(size)
        writer.int64(nextOffset)
        writer.int64(maxTimestamp)
        writer.int64(createdAtMs)
        writer.array(index) { writer, entry in
            writer.int64(entry.offset)
            writer.int64(entry.position)
            writer.int64(entry.maxTimestampBefore)
        }
        producers.encode(to: &writer)
        var bytes = ByteBufferAllocator().buffer(capacity: Self.header + writer.buffer.readableBytes)
        bytes.writeInteger(Self.magic)
        bytes.writeInteger(Crc32c.of(writer.buffer))
        bytes.writeImmutableBuffer(writer.buffer)
        return bytes
    }

    private init(from reader: inout WireReader) throws(BrokerError) {
        baseOffset = try reader.int64()
        size = try reader.int64()
        nextOffset = try reader.int64()
        maxTimestamp = try reader.int64()
        createdAtMs = try reader.int64()
        index = try reader.array { reader throws(BrokerError) in
            Segment.IndexEntry(offset: try reader.int64(), position: try reader.int64(), maxTimestampBefore: try reader.int64())
        }
        producers = try ProducerWindows(from: &reader)
    }

    init(of segment: Segment, nextOffset: Int64, producers: ProducerWindows) {
        baseOffset = segment.baseOffset
        size = segment.committedSize
        self.nextOffset = nextOffset
        maxTimestamp = segment.maxTimestamp
        createdAtMs = segment.createdAtMs
        index = segment.index.filter { $0.position < segment.committedSize }
        self.producers = producers
        // What is on its way to the disk may never get there; a repetition of it must not be taken for stored.
        self.producers.rollBack(to: nextOffset)
    }
}
