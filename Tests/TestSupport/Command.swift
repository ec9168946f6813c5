import Foundation

/// A program that runs to its end and says something.
public enum Command {
    /// What came of it.
    public struct Output: Sendable {
        /// The exit code; minus the signal's number where one ended it.
        public let status: Int32
        /// Standard output.
        public let text: String
        /// Standard error.
        public let errors: String
    }

    /// Runs a program with this environment and nothing else of ours; it is killed at the limit.
    /// - Throws: ``TestFailure`` when it cannot be started, or is not done in time.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String], limit: Duration = .seconds(120)
    ) async throws -> Output {
        // Files take any amount of text without anybody reading meanwhile.
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("command-\(UUID().uuidString)").path
        let (output, errors) = ("\(base).out", "\(base).err")
        defer { for file in [output, errors] { unlink(file) } }
        for file in [output, errors] where !FileManager.default.createFile(atPath: file, contents: nil, attributes: [.posixPermissions: 0o600]) {
            throw TestFailure("cannot write \(file)")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = environment.merging(["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]) { own, _ in own }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { ended in
            continuation.yield(ended.terminationReason == .exit ? ended.terminationStatus : -ended.terminationStatus)
            continuation.finish()
        }
        do {
            try process.run()
        } catch {
            throw TestFailure("\(program) cannot be started: \(error)")
        }
        let pid = process.processIdentifier
        let watch = Task {
            try await Task.sleep(for: limit)
            kill(pid, SIGKILL)
        }
        var status: Int32?
        for await end in ends { status = end }
        watch.cancel()
        func read(_ file: String) -> String { String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self) }
        let result = Output(status: status ?? -1, text: read(output), errors: read(errors))
        if status == -SIGKILL { throw TestFailure("\(program) \(arguments.joined(separator: " ")) was not done after \(limit): \(result.errors)") }
        return result
    }
}
