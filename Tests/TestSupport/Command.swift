import Foundation
import Glibc

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

    /// How often a running program is looked at.
    private static let pause = Duration.milliseconds(4)

    /// Runs a program with this environment and nothing else of ours but the folder for its files; it is killed at the limit.
    ///
    /// Not Foundation's `Process`: with many open files it reads past the end of a directory entry and crashes (Swift 6.3, Linux).
    /// - Throws: ``TestFailure`` when it cannot be started, or is not done in time.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String], limit: Duration = .seconds(120)
    ) async throws -> Output {
        // Files take any amount of text without anybody reading meanwhile.
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("command-\(UUID().uuidString)").path
        let (output, errors) = ("\(base).out", "\(base).err")
        defer { for file in [output, errors] { unlink(file) } }
        let defaults = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": FileManager.default.temporaryDirectory.path]
        let all = environment.merging(defaults) { own, _ in own }
        let pid = try spawn([program] + arguments, all, output: output, errors: errors)
        let status = await end(of: pid, limit: limit)
        func read(_ file: String) -> String { String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self) }
        let result = Output(status: status ?? -SIGKILL, text: read(output), errors: read(errors))
        if status == nil { throw TestFailure("\(program) \(arguments.joined(separator: " ")) was not done after \(limit): \(result.errors)") }
        return result
    }

    private static func spawn(_ command: [String], _ environment: [String: String], output: String, errors: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let (words, variables) = (command.map { strdup($0) }, environment.map { strdup("\($0.key)=\($0.value)") })
        defer { for text in words + variables { free(text) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, command[0], &actions, &attributes, words + [nil], variables + [nil])
        guard status == 0 else { throw TestFailure("\(command[0]) cannot be started: \(String(cString: strerror(status)))") }
        return pid
    }

    /// - Returns: how it ended; nil when it had to be killed.
    private static func end(of pid: pid_t, limit: Duration) async -> Int32? {
        let deadline = ContinuousClock.now + limit
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            // A cancelled test does not wait for its tools.
            let isCancelled = (try? await Task.sleep(for: pause)) == nil
            guard ContinuousClock.now < deadline, !isCancelled else {
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                return nil
            }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : -signal
    }
}
