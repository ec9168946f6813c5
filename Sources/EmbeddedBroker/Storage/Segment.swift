import NIOCore

/// One file of a partition's log: record batches one behind the other, as they came.
///
/// Confined to the event loop. The index in memory has one entry per ``indexInterval`` bytes and is rebuilt from the headers at start.
final class Segment {
    /// Bytes of log between two index entries.
    static let indexInterval = 16 * 1_024

    /// Where a batch lies, and the highest timestamp in front of it.
    struct IndexEntry: Sendable {
        let offset: Int64
        let position: Int64
        let maxTimestampBefore: Int64
    }

    let baseOffset: Int64
    let file: LogFile
    /// Bytes, those still to be written included.
    private(set) var size: Int64 = 0
    /// Bytes that may be read: written and, where the policy says so, durable.
    var committedSize: Int64 = 0
    /// Bytes that a checkpoint on disk, or on its way there, speaks for.
    var checkpointedSize: Int64 = 0
    /// Recovery found damage: the file stays as it is, and gets no checkpoint that would hide it.
    var isDamaged = false
    /// Where the background check found damage.
    var damagedAt: Int64?
    private(set) var maxTimestamp: Int64 = -1
    private(set) var index: [IndexEntry] = []
    /// When the segment was begun, in milliseconds since 1970.
    private(set) var createdAtMs: Int64

    init(baseOffset: Int64, file: LogFile, createdAtMs: Int64) {
        self.baseOffset = baseOffset
        self.file = file
        self.createdAtMs = createdAtMs
    }

    /// The file name of a segment, as Kafka has it.
    static func name(baseOffset: Int64) -> String {
        let digits = String(baseOffset)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".log"
    }

    /// The base offset in a segment's file name, or nil when it is not one.
    static func baseOffset(name: String) -> Int64? {
        guard name.hasSuffix(".log"), name.utf8.count == 24 else { return nil }
        return Int64(name.dropLast(4))
    }

    /// Notes a batch at the end of the segment.
    func extend(with header: BatchHeader, baseOffset: Int64) {
        if index.isEmpty || size - (index.last?.position ?? 0) >= Int64(Self.indexInterval) {
            index.append(IndexEntry(offset: baseOffset, position: size, maxTimestampBefore: maxTimestamp))
        }
        size += Int64(header.totalSize)
        maxTimestamp = max(maxTimestamp, header.maxTimestamp)
    }

    /// Takes over what a checkpoint says, as if its batches had been read.
    func restore(_ checkpoint: SegmentCheckpoint) {
        size = checkpoint.size
        checkpointedSize = checkpoint.size
        maxTimestamp = checkpoint.maxTimestamp
        createdAtMs = checkpoint.createdAtMs
        index = checkpoint.index
    }

    /// Forgets everything from `committedSize` on, after a write that failed.
    func rollBack() {
        size = committedSize
        index.removeAll { $0.position >= size }
    }

    /// The last indexed position at or before the batch that holds `offset`.
    func position(before offset: Int64) -> Int64 {
        entry { $0.offset <= offset }?.position ?? 0
    }

    /// The last indexed position with no timestamp of `timestamp` or later in front of it.
    func position(beforeTimestamp timestamp: Int64) -> Int64 {
        entry { $0.maxTimestampBefore < timestamp }?.position ?? 0
    }

    /// The last entry for which `holds` is true, where it is true for a first part of the index and false for the rest.
    private func entry(where holds: (IndexEntry) -> Bool) -> IndexEntry? {
        var low = 0
        var high = index.count
        while low < high {
            let middle = (low + high) / 2
            if holds(index[middle]) { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : index[low - 1]
    }
}
