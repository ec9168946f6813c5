import Dispatch
import Glibc
import NIOCore
import Synchronization

/// Makes a round durable with one `fdatasync`, however many files it touched: a copy of its writes goes to a journal, and the files themselves are synced
/// later, in the background. At start, what the journal holds is written to the files again.
///
/// Two journal files take turns: while one fills, the files behind the other are synced, after which its content is not needed any more. Used by one
/// thread at a time. Measured on ext4 (2 cores, 12 partitions): 0.16 ms for a round against 1.5 ms for twelve syncs.
struct CommitJournal: Sendable {
    /// Bytes of a journal file before the other one takes over.
    static let capacityBytes = 8 * 1_024 * 1_024
    /// Bytes of a round above which syncing its files directly is cheaper than writing everything twice.
    static let maxRoundBytes = 512 * 1_024
    private static let magic: UInt32 = 0x4542_4A31
    /// Bytes of a frame in front of its payload: magic, epoch, length, checksum of epoch and payload.
    private static let frameHeader = 20

    private let directory: String
    private let files: [LogFile]
    private let checkpointer: WriterThread
    private let checkpoint = Checkpoint()
    private var active = 0
    private var position: Int64 = 0
    private var epoch: UInt64 = 1
    /// What the active journal file stands for.
    private var dirtyFiles: [ObjectIdentifier: LogFile] = [:]
    private var dirtyDirectories: Set<String> = []

    /// How the background sync of the other file went.
    private final class Checkpoint: Sendable {
        let done = DispatchSemaphore(value: 1)
        let failure = Mutex<BrokerError?>(nil)
    }

    /// Begins with two empty files below `directory`; replay what is there before.
    init(directory: String) throws {
        self.directory = directory
        files = [try LogFile(path: Self.path(directory, 0), create: true), try LogFile(path: Self.path(directory, 1), create: true)]
        for file in files { try file.truncate(to: 0) }
        try Directory.sync(directory)
        checkpointer = WriterThread(name: "log-checkpoint")
        try checkpointer.start()
    }

    private static func path(_ directory: String, _ number: Int) -> String { "\(directory)/journal-\(number)" }

    /// Makes `writes` durable. The files hold them already, in the page cache.
    mutating func commit(_ writes: [WriteRound.Write], directories: Set<String>) throws(BrokerError) {
        if position > 0, position + Int64(Self.frameBytes(writes)) > Int64(Self.capacityBytes) { try turn() }
        let frame = encode(writes)
        // Until the journal has it, nothing that this file stood for may be forgotten; so the order is: note, write, sync.
        for write in writes { dirtyFiles[ObjectIdentifier(write.file)] = write.file }
        dirtyDirectories.formUnion(directories)
        try files[active].write(frame, at: position)
        try files[active].sync()
        position += Int64(frame.readableBytes)
    }

    /// Lets the other file take over, once all that it stood for is durable.
    private mutating func turn() throws(BrokerError) {
        try awaitCheckpoint()
        var round = WriteRound()
        round.files = Array(dirtyFiles.values)
        round.directories = dirtyDirectories
        dirtyFiles.removeAll(keepingCapacity: true)
        dirtyDirectories.removeAll()
        checkpointer.submit(round, sync: true) { [checkpoint] outcome in
            if let fatal = outcome.fatal { checkpoint.failure.withLock { $0 = fatal } }
            checkpoint.done.signal()
        }
        active = 1 - active
        position = 0
        epoch += 1
    }

    /// Waits for the background sync, and leaves the semaphore taken.
    private func awaitCheckpoint() throws(BrokerError) {
        checkpoint.done.wait()
        if let failure = checkpoint.failure.withLock({ $0 }) {
            checkpoint.done.signal()
            throw failure
        }
    }

    /// Makes everything durable where it belongs and empties the journal.
    mutating func clear() throws(BrokerError) {
        try awaitCheckpoint()
        defer { checkpoint.done.signal() }
        for file in dirtyFiles.values { try file.sync() }
        for directory in dirtyDirectories { try Directory.sync(directory) }
        dirtyFiles.removeAll()
        dirtyDirectories.removeAll()
        for file in files {
            try file.truncate(to: 0)
            try file.sync()
        }
        position = 0
        epoch += 1
    }

    /// ``clear()``, and the end of the background thread.
    mutating func close() throws(BrokerError) {
        defer { checkpointer.stop() }
        try clear()
    }

    // MARK: Frames

    /// Bytes of a frame with these writes, or a little more.
    private static func frameBytes(_ writes: [WriteRound.Write]) -> Int {
        writes.reduce(64) { $0 + $1.bytes.readableBytes + $1.file.path.utf8.count + 16 }
    }

    private func encode(_ writes: [WriteRound.Write]) -> ByteBuffer {
        var writer = WireWriter(capacity: Self.frameBytes(writes))
        writer.buffer.writeInteger(Self.magic)
        let checkedStart = writer.buffer.writerIndex
        writer.buffer.writeInteger(epoch)
        writer.int32(0)
        writer.int32(0)
        writer.array(writes) { writer, write in
            writer.string(String(write.file.path.dropFirst(directory.utf8.count + 1)))
            writer.int64(write.position)
            writer.int32(Int32(write.bytes.readableBytes))
            writer.buffer.writeImmutableBuffer(write.bytes)
        }
        writer.buffer.setInteger(UInt32(writer.buffer.writerIndex - Self.frameHeader), at: checkedStart + 8)
        let crc = writer.buffer.withUnsafeReadableBytes { Crc32c.of(UnsafeRawBufferPointer(rebasing: $0[checkedStart...])) }
        writer.buffer.setInteger(crc, at: checkedStart + 12)
        return writer.buffer
    }

    /// One write that a journal held.
    struct Entry {
        /// Below the data directory.
        let path: String
        let position: Int64
        let bytes: ByteBuffer
    }

    /// What the journals in `directory` hold, oldest first; empty when there are none.
    static func entries(in directory: String) throws(BrokerError) -> [Entry] {
        var found: [(epoch: UInt64, entries: [Entry])] = []
        for number in 0...1 where access(path(directory, number), F_OK) == 0 {
            if let journal = try read(path(directory, number)) { found.append(journal) }
        }
        return found.sorted { $0.epoch < $1.epoch }.flatMap(\.entries)
    }

    /// Reads whole, sound frames of one epoch; those of an earlier turn lie behind them.
    private static func read(_ path: String) throws(BrokerError) -> (epoch: UInt64, entries: [Entry])? {
        let file = try LogFile(path: path, create: false)
        let size = Int(try file.size())
        var buffer = ByteBufferAllocator().buffer(capacity: size)
        var failure: BrokerError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { target in
            do throws(BrokerError) { return try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<size]), at: 0) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        var journal: (epoch: UInt64, entries: [Entry])?
        while let frame = nextFrame(&buffer), journal == nil || journal?.epoch == frame.epoch {
            var reader = WireReader(trusted: frame.payload)
            let entries = try reader.array { reader throws(BrokerError) in
                Entry(path: try reader.string(), position: try reader.int64(), bytes: try reader.nullableBytes() ?? ByteBuffer())
            }
            journal = (frame.epoch, (journal?.entries ?? []) + entries)
        }
        return journal
    }

    private static func nextFrame(_ buffer: inout ByteBuffer) -> (epoch: UInt64, payload: ByteBuffer)? {
        let start = buffer.readerIndex
        guard buffer.getInteger(at: start, as: UInt32.self) == magic, let epoch = buffer.getInteger(at: start + 4, as: UInt64.self),
            let length = buffer.getInteger(at: start + 12, as: UInt32.self), let crc = buffer.getInteger(at: start + 16, as: UInt32.self),
            let payload = buffer.getSlice(at: start + frameHeader, length: Int(length)),
            var checked = buffer.getSlice(at: start + 4, length: 16 + Int(length))
        else { return nil }
        // The checksum was taken while its own field was zero.
        checked.setInteger(UInt32(0), at: checked.readerIndex + 12)
        guard Crc32c.of(checked) == crc else { return nil }
        buffer.moveReaderIndex(forwardBy: frameHeader + Int(length))
        return (epoch, payload)
    }

    /// Writes `entries` to their files again, and makes them durable. Only folders in `known` (below the data directory) are touched: others belonged to
    /// topics that were deleted since.
    static func replay(_ entries: [Entry], in directory: String, known: (String) -> Bool) throws(BrokerError) {
        var files: [String: LogFile] = [:]
        for entry in entries where known(entry.path) {
            let path = directory + "/" + entry.path
            guard let slash = path.lastIndex(of: "/") else { continue }
            try Directory.create(String(path[..<slash]))
            if files[path] == nil, access(path, F_OK) != 0, entry.position > 0 { continue }
            let file: LogFile
            if let open = files[path] { file = open } else { file = try LogFile(path: path, create: true) }
            files[path] = file
            // A file that ends before was removed by retention and begun anew, or is not the one that was written.
            guard try file.size() >= entry.position else { continue }
            try file.write(entry.bytes, at: entry.position)
        }
        for (path, file) in files {
            try file.sync()
            if let slash = path.lastIndex(of: "/") { try Directory.sync(String(path[..<slash])) }
        }
    }

    /// Empties the journals after their replay.
    static func discard(in directory: String) throws(BrokerError) {
        for number in 0...1 where access(path(directory, number), F_OK) == 0 {
            let file = try LogFile(path: path(directory, number), create: false)
            try file.truncate(to: 0)
            try file.sync()
        }
    }
}
