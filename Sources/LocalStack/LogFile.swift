import Foundation
import Glibc

/// The log of one component: appended to over restarts, with one older file kept.
struct LogFile: Sendable {
    /// A log that is longer when its component starts becomes `<name>.log.1`.
    static let rotateAtBytes = 64 << 20
    /// What a report shows of a log.
    static let tailLines = 20
    private static let tailBytes = 8 << 10

    let path: String
    /// Where the present run begins.
    let start: Int

    /// Opens a new run of the component.
    init(path: String) {
        self.path = path
        var size = Self.size(path)
        if size > Self.rotateAtBytes, rename(path, path + ".1") == 0 { size = 0 }
        start = size
    }

    /// The last lines of the present run.
    var tail: String {
        guard let handle = FileHandle(forReadingAtPath: path) else { return "(no log at \(path))" }
        defer { try? handle.close() }
        let from = max(start, Self.size(path) - Self.tailBytes)
        guard (try? handle.seek(toOffset: UInt64(from))) != nil, let data = try? handle.readToEnd() else { return "(nothing in \(path))" }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true)
        return lines.suffix(Self.tailLines).map { "  \($0)" }.joined(separator: "\n")
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
