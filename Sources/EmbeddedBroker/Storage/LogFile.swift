import Glibc
import NIOCore

/// An open file that is written at explicit positions; closed when the last reference goes.
///
/// Safe from any thread: the descriptor never changes, and `pread`, `pwrite` and `fdatasync` keep no position.
final class LogFile: Sendable {
    let path: String
    private let descriptor: Int32

    /// Opens `path` for reading and writing, and creates it when `create` is set.
    init(path: String, create: Bool) throws(BrokerError) {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0o644)
        guard descriptor >= 0 else { throw .system(.storage, operation: "open a log file", path: path) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Bytes in the file.
    func size() throws(BrokerError) -> Int64 {
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw .system(.storage, operation: "find the end of a log file", path: path) }
        return Int64(end)
    }

    /// Fills `target` from `position` on; returns fewer bytes than asked only at the end of the file.
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int64) throws(BrokerError) -> Int {
        var done = 0
        while done < target.count, let base = target.baseAddress {
            let count = pread(descriptor, base + done, target.count - done, off_t(position) + done)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(.storage, operation: "read a log file", path: path)
            }
            done += count
        }
        return done
    }

    /// `preadv2`, which Swift's Glibc module does not import; nil on a system without it.
    private static let preadv2 = dlsym(nil, "preadv2").map {
        unsafeBitCast($0, to: (@convention(c) (Int32, UnsafePointer<iovec>, Int32, off_t, Int32) -> Int).self)
    }
    /// `RWF_NOWAIT`: only what the page cache has.
    private static let noWait: Int32 = 8

    /// ``read(into:at:)`` without waiting for the disk.
    /// - Throws: also ``BrokerError/Code/notCached``, when a part of it is not in the page cache. File systems that cannot tell (tmpfs) just read.
    func readCached(into target: UnsafeMutableRawBufferPointer, at position: Int64) throws(BrokerError) -> Int {
        guard let preadv2 = Self.preadv2 else { return try read(into: target, at: position) }
        var done = 0
        while done < target.count, let base = target.baseAddress {
            var part = iovec(iov_base: base + done, iov_len: target.count - done)
            let count = preadv2(descriptor, &part, 1, off_t(position) + done, Self.noWait)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return try read(into: target, at: position) }
                throw BrokerError(.notCached, operation: "read a log file", message: path)
            }
            done += count
        }
        return done
    }

    /// Writes the readable bytes of `buffer` at `position`. After an error the file may hold a part of them: truncate it.
    func write(_ buffer: ByteBuffer, at position: Int64) throws(BrokerError) {
        var failure: BrokerError?
        buffer.withUnsafeReadableBytes { bytes in
            var done = 0
            while done < bytes.count, let base = bytes.baseAddress {
                let count = pwrite(descriptor, base + done, bytes.count - done, off_t(position) + done)
                if count < 0 {
                    if errno == EINTR { continue }
                    failure = .system(.storage, operation: "write a log file", path: path)
                    return
                }
                done += count
            }
        }
        if let failure { throw failure }
    }

    /// Cuts the file at `size` bytes.
    func truncate(to size: Int64) throws(BrokerError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw .system(.storage, operation: "truncate a log file", path: path) }
    }

    /// Makes what was written durable. After an error nothing is known about the file (fsyncgate, 2018): the broker must stop.
    func sync() throws(BrokerError) {
        while fdatasync(descriptor) != 0 {
            if errno != EINTR { throw .system(.sync, operation: "make a log file durable", path: path) }
        }
    }
}
