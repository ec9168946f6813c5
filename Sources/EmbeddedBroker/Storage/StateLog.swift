import Glibc
import NIOCore

/// The log of ``StateRecord``s: frames of length, CRC-32C and payload, one behind the other, rewritten when mostly dead.
///
/// Confined to the event loop; the writing itself goes through the ``CommitPipeline``.
final class StateLog {
    /// Bytes of a frame in front of its payload.
    static let frameHeader = 8
    /// Largest payload; a group of a thousand members with large subscriptions fits.
    static let maxPayloadBytes = 64 * 1_024 * 1_024
    /// Bytes below which the log is not worth compacting.
    static let compactionThresholdBytes: Int64 = 16 * 1_024 * 1_024

    /// The fold of everything appended, written or not.
    private(set) var state: StoredState
    private(set) var file: LogFile
    private let directory: String
    /// Where the next round's bytes go.
    private(set) var writtenSize: Int64
    /// The size right after the last compaction.
    private var compactedSize: Int64
    /// Bytes not written yet.
    private(set) var pending = ByteBuffer()

    /// What ``open(directory:)`` found.
    struct Recovery {
        /// Bytes of a torn tail that were cut off.
        var truncatedBytes: Int64 = 0
        var records = 0
    }

    private init(directory: String, file: LogFile, state: StoredState, size: Int64) {
        self.directory = directory
        self.file = file
        self.state = state
        writtenSize = size
        compactedSize = size
    }

    /// Opens or creates the log in `directory`, folds it, and cuts a torn tail off.
    static func open(directory: String) throws(BrokerError) -> (StateLog, Recovery) {
        let path = directory + "/state.log"
        unlink(path + ".new")
        let file = try LogFile(path: path, create: true)
        let size = try file.size()
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, Int(size)), alignment: 16)
        defer { bytes.deallocate() }
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<Int(size)]), at: 0)
        var recovery = Recovery()
        var state = StoredState()
        let end = try fold(UnsafeRawBufferPointer(rebasing: bytes[..<count]), into: &state, recovery: &recovery)
        recovery.truncatedBytes = size - Int64(end)
        if recovery.truncatedBytes > 0 { try file.truncate(to: Int64(end)) }
        return (StateLog(directory: directory, file: file, state: state, size: Int64(end)), recovery)
    }

    /// Takes `record` into the state and puts its bytes in line for the next round.
    func append(_ record: StateRecord) {
        state.apply(record)
        Self.encode(record, to: &pending)
    }

    /// Hands the pending bytes to a round. Call ``written(_:)`` or ``failed(_:)`` with the same bytes afterwards.
    func takePending() -> WriteRound.Write? {
        guard pending.readableBytes > 0 else { return nil }
        let write = WriteRound.Write(file: file, position: writtenSize, bytes: pending)
        pending = ByteBuffer()
        return write
    }

    /// The write came through.
    func written(_ write: WriteRound.Write) {
        writtenSize = write.position + Int64(write.bytes.readableBytes)
    }

    /// The write did not come through: its bytes stay in line, since memory already holds what they say.
    func failed(_ write: WriteRound.Write) {
        var restored = write.bytes
        restored.writeImmutableBuffer(pending)
        pending = restored
    }

    /// A shorter log with the same state, when the present one is worth replacing. Nothing may be pending.
    func compaction() throws(BrokerError) -> (write: WriteRound.Write, publication: WriteRound.Publication)? {
        guard writtenSize > max(Self.compactionThresholdBytes, 4 * compactedSize), pending.readableBytes == 0 else { return nil }
        let path = directory + "/state.log"
        let replacement = try LogFile(path: path + ".new", create: true)
        try replacement.truncate(to: 0)
        var bytes = ByteBuffer()
        for record in state.records() { Self.encode(record, to: &bytes) }
        return (
            WriteRound.Write(file: replacement, position: 0, bytes: bytes),
            WriteRound.Publication(file: replacement, temporaryPath: path + ".new", path: path)
        )
    }

    /// The shorter log took the place of the old one.
    func compacted(_ write: WriteRound.Write) {
        file = write.file
        writtenSize = Int64(write.bytes.readableBytes)
        compactedSize = writtenSize
    }

    /// Appends the frame of `record`.
    static func encode(_ record: StateRecord, to buffer: inout ByteBuffer) {
        var writer = WireWriter(capacity: 128)
        record.encode(to: &writer)
        buffer.writeInteger(UInt32(writer.buffer.readableBytes))
        buffer.writeInteger(Crc32c.of(writer.buffer))
        buffer.writeImmutableBuffer(writer.buffer)
    }

    /// Folds whole, sound frames and returns where they end.
    private static func fold(_ bytes: UnsafeRawBufferPointer, into state: inout StoredState, recovery: inout Recovery) throws(BrokerError) -> Int {
        var position = 0
        while bytes.count - position >= frameHeader {
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
            let crc = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self))
            let start = position + frameHeader
            guard length > 0, length <= maxPayloadBytes, bytes.count - start >= length else { break }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
            guard Crc32c.of(payload) == crc else { break }
            var reader = WireReader(trusted: ByteBuffer(bytes: payload))
            state.apply(try StateRecord(from: &reader))
            recovery.records += 1
            position = start + length
        }
        return position
    }
}
