import Foundation

/// What a process has open, from /proc.
enum ProcessFiles {
    /// Targets of its descriptors, such as `socket:[4711]`.
    static func names(of pid: Int32) throws -> [String] {
        let folder = "/proc/\(pid)/fd"
        // A descriptor may be closed between the two looks.
        return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
        }
    }
}
