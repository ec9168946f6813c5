import Foundation

/// A folder of a test's own, removed with its owner.
final class Scratch: Sendable {
    let path: String

    /// - Parameter folder: where it is made.
    init(in folder: URL = FileManager.default.temporaryDirectory) throws {
        let url = folder.appendingPathComponent("embedded-broker-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Appends raw bytes to a file, as a torn write would leave them.
    static func append(_ bytes: [UInt8], to path: String) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }

    /// Overwrites one byte.
    static func flip(_ path: String, at position: UInt64) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try handle.seek(toOffset: position)
        let old = try handle.read(upToCount: 1)?.first ?? 0
        try handle.seek(toOffset: position)
        try handle.write(contentsOf: Data([~old]))
        try handle.close()
    }

    /// Overwrites a part of a file.
    static func overwrite(_ path: String, at position: UInt64, with bytes: [UInt8]) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try handle.seek(toOffset: position)
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }

    /// Cuts a file.
    static func truncate(_ path: String, to size: UInt64) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.truncate(atOffset: size)
        try handle.close()
    }

    /// Bytes of a file.
    static func size(_ path: String) throws -> UInt64 {
        try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64 ?? 0
    }
}
