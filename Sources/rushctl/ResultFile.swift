import ArgumentParser
import Foundation

/// The file of a `--json FILE`, to which a command that takes its time writes its result at the end.
struct ResultFile: Sendable {
    private let path: String

    /// Asks when the command line is read whether it can be written, so that nothing runs in vain; makes nothing.
    /// - Throws: `ValidationError` that says why not; the parser adds the option and the path.
    init(_ path: String) throws {
        self.path = path
        let files = FileManager.default
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        var isFolder: ObjCBool = false
        if path.isEmpty { throw ValidationError("it names no file.") }
        if files.fileExists(atPath: path, isDirectory: &isFolder) {
            if isFolder.boolValue { throw ValidationError("that is a folder.") }
            if !files.isWritableFile(atPath: path) { throw ValidationError("the file cannot be written.") }
        } else {
            guard files.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
                throw ValidationError("there is no folder \(folder)")
            }
            if !files.isWritableFile(atPath: folder) { throw ValidationError("no file can be made in \(folder)") }
        }
    }

    /// - Throws: `ExitCode`, once it is said why.
    func write(_ result: some Encodable) throws {
        do {
            try Output.encode(result).write(to: URL(fileURLWithPath: path))
        } catch {
            Output.progress("--json \(path) cannot be written: \(error.localizedDescription)")
            throw ExitCode.failure
        }
    }
}
