/// The 61 bytes in front of the records of a batch (KIP-98, message format 2).
///
/// The records behind them stay opaque, compressed or not: this broker never decodes them to store or serve them.
struct BatchHeader: Sendable, Equatable {
    /// Bytes of a batch header.
    static let size = 61
    /// Bytes before the part that `batchLength` counts: the base offset and the length itself.
    static let lengthPrefix = 12
    /// Where the checksummed part begins.
    static let checksumStart = 21

    var baseOffset: Int64
    /// Bytes after the first twelve.
    var batchLength: Int32
    var magic: Int8
    var crc: UInt32
    var attributes: Int16
    var lastOffsetDelta: Int32
    var baseTimestamp: Int64
    var maxTimestamp: Int64
    var producerID: Int64
    var producerEpoch: Int16
    var baseSequence: Int32
    var recordCount: Int32

    /// The bytes of the whole batch on the wire and on disk.
    var totalSize: Int { Self.lengthPrefix + Int(batchLength) }
    var lastOffset: Int64 { baseOffset + Int64(lastOffsetDelta) }
    var isCompressed: Bool { attributes & 0x07 != 0 }
    var isTransactional: Bool { attributes & 0x10 != 0 }
    var isControl: Bool { attributes & 0x20 != 0 }

    /// Reads a header from the first 61 of `bytes`; nil when there are fewer.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size else { return nil }
        func load<T: FixedWidthInteger>(_ offset: Int) -> T { T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self)) }
        baseOffset = load(0)
        batchLength = load(8)
        magic = load(16)
        crc = load(17)
        attributes = load(21)
        lastOffsetDelta = load(23)
        baseTimestamp = load(27)
        maxTimestamp = load(35)
        producerID = load(43)
        producerEpoch = load(51)
        baseSequence = load(53)
        recordCount = load(57)
    }

    /// Whether lengths and counts agree with each other; says nothing about the checksum.
    var isConsistent: Bool {
        magic == 2 && totalSize >= Self.size && hasConsistentCount && baseOffset >= 0
            && baseOffset <= Int64.max - Int64(Int32.max)
    }

    /// Whether there is a record, and one for each offset.
    private var hasConsistentCount: Bool { recordCount > 0 && lastOffsetDelta == recordCount - 1 }

    /// Whether the checksum of `batch`, which holds all of this batch and nothing else, is the one in the header.
    func checksumMatches(_ batch: UnsafeRawBufferPointer) -> Bool {
        Crc32c.of(UnsafeRawBufferPointer(rebasing: batch[Self.checksumStart...])) == crc
    }

    /// Why a batch that a client sent cannot be stored, or nil when it can.
    ///
    /// `batch` is the whole `records` field of one partition: since Produce 3 that is exactly one batch.
    static func refusal(of batch: UnsafeRawBufferPointer, maxBytes: Int) -> ErrorCode? {
        guard let header = BatchHeader(batch) else {
            // The old formats are shorter; their magic is at the same place.
            return batch.count > 16 && batch[16] < 2 ? .unsupportedForMessageFormat : .corruptMessage
        }
        if header.magic != 2 { return header.magic < 2 && header.magic >= 0 ? .unsupportedForMessageFormat : .corruptMessage }
        if header.totalSize != batch.count { return .invalidRecord }
        if header.totalSize > maxBytes { return .messageTooLarge }
        if !header.checksumMatches(batch) { return .corruptMessage }
        if !header.hasConsistentCount { return .invalidRecord }
        if header.isTransactional || header.isControl { return .invalidRecord }
        if !header.isCompressed, !RecordWalk.isConsistent(batch, header: header) { return .invalidRecord }
        if header.producerID >= 0 && (header.baseSequence < 0 || header.producerEpoch < 0) { return .invalidRecord }
        return nil
    }
}
