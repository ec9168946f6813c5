import CZlib
import Glibc

/// Writes a gzip file, and reads one; blocking.
enum GzipFile {
    private static let chunk = 256 * 1024

    /// Writes what `body` gives; the file is whole on the disk when it returns.
    static func write(_ path: String, _ body: ((_ bytes: [UInt8]) throws -> Void) throws -> Void) throws {
        guard let file = gzopen(path, "wb6") else { throw AuditError(.file, "write \(path)", String(cString: strerror(errno))) }
        var isOpen = true
        defer { if isOpen { gzclose(file) } }
        try body { bytes in
            guard bytes.isEmpty || gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count) else {
                throw AuditError(.file, "write \(path)", "the disk took only a part")
            }
        }
        isOpen = false
        guard gzclose(file) == Z_OK else { throw AuditError(.file, "write \(path)", "the disk took only a part") }
        try sync(path)
    }

    /// Gives each line of a file, without its end.
    /// - Throws: ``AuditError`` `.file` where the file is no gzip, is cut off, or its checksum is wrong.
    static func readLines(_ path: String, _ take: (_ line: [UInt8]) throws -> Void) throws {
        guard let file = gzopen(path, "rb") else { throw AuditError(.file, "read \(path)", String(cString: strerror(errno))) }
        var isOpen = true
        defer { if isOpen { gzclose(file) } }
        var buffer = [UInt8](repeating: 0, count: chunk)
        var line: [UInt8] = []
        while true {
            let count = gzread(file, &buffer, UInt32(chunk))
            if count < 0 { throw AuditError(.file, "read \(path)", "it is damaged") }
            if count == 0 { break }
            var rest = buffer[..<Int(count)]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[..<end]
                try take(line)
                line.removeAll(keepingCapacity: true)
                rest = rest[(end + 1)...]
            }
            line += rest
        }
        let isPlain = gzdirect(file) == 1
        isOpen = false
        guard gzclose(file) == Z_OK, line.isEmpty, !isPlain else { throw AuditError(.file, "read \(path)", "it is cut off") }
    }

    /// Waits until a file or a folder is on the disk.
    static func sync(_ path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw AuditError(.file, "sync \(path)", String(cString: strerror(errno))) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw AuditError(.file, "sync \(path)", String(cString: strerror(errno))) }
    }
}
