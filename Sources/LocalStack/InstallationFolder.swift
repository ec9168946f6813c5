import Foundation
import Glibc
import Synchronization

/// The folder of one installation: `data/`, `logs/`, `pids/`, `secrets`, and the lock that keeps a second supervisor out.
final class InstallationFolder: Sendable {
    private static let lockName = "supervisor.lock"

    let path: String
    private let lock: Int32

    /// Makes the folder, takes its lock, and ends what a supervisor that was killed may have left running.
    init(path: String) throws(LocalStackError) {
        guard path.hasPrefix("/") else {
            throw LocalStackError(.invalid, operation: "open the installation", message: "\(path) is not an absolute path")
        }
        self.path = path
        for folder in ["", "/data", "/logs", "/pids"] { try Self.makeDirectory(path + folder) }
        lock = try Self.takeLock(path)
        endLeftovers()
    }

    deinit { close(lock) }

    func data(_ name: String) -> String { "\(path)/data/\(name)" }
    func logPath(_ name: String) -> String { "\(path)/logs/\(name).log" }

    /// Writes the process id and its start time, which together name a process for ever.
    func writePidFile(_ name: String, pid: pid_t) {
        let started = Self.startTime(pid) ?? "0"
        try? "\(pid) \(started)\n".write(toFile: "\(path)/pids/\(name).pid", atomically: true, encoding: .utf8)
    }

    func removePidFile(_ name: String) {
        unlink("\(path)/pids/\(name).pid")
    }

    /// The value kept under `name`, made of `bytes` random bytes on first use; readable by the owner only.
    func secret(_ name: String, bytes: Int = 32) throws(LocalStackError) -> String {
        let file = "\(path)/\(name).secret"
        if let text = try? String(contentsOfFile: file, encoding: .utf8), !text.isEmpty {
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let value = (0..<bytes).map { _ in String(format: "%02x", UInt8.random(in: .min ... .max)) }.joined()
        guard FileManager.default.createFile(atPath: file, contents: Data((value + "\n").utf8), attributes: [.posixPermissions: 0o600]) else {
            throw LocalStackError(.system, operation: "keep a secret", message: "cannot write \(file)")
        }
        return value
    }

    /// What tells this installation from others that share a Kafka with it; made once.
    func identity() throws(LocalStackError) -> String { try secret("identity", bytes: 4) }

    /// Makes a directory and its parents, open to be passed through by PostgreSQL's user.
    static func makeDirectory(_ path: String) throws(LocalStackError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        } catch {
            throw LocalStackError(.system, operation: "make \(path)", message: "\(error.localizedDescription)", underlying: error)
        }
    }

    /// Removes an installation: only a folder that is one, and that no supervisor uses.
    static func erase(_ path: String) throws(LocalStackError) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard FileManager.default.fileExists(atPath: "\(path)/\(lockName)") else {
            throw LocalStackError(.invalid, operation: "erase \(path)", message: "it is not the folder of an installation; left as it is")
        }
        let lock = try takeLock(path)
        defer { close(lock) }
        try remove(path)
    }

    /// Removes the folder whose lock is held here.
    func erase() throws(LocalStackError) {
        try Self.remove(path)
    }

    private static func remove(_ path: String) throws(LocalStackError) {
        do {
            try PostgresServer.eraseOutsideData(folder: path)
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw LocalStackError(.system, operation: "erase \(path)", message: "\(error)", underlying: error)
        }
    }

    private static func takeLock(_ path: String) throws(LocalStackError) -> Int32 {
        let file = "\(path)/\(lockName)"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw LocalStackError(.system, operation: "lock \(file)", message: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let owner = (try? String(contentsOfFile: file, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "?"
            close(descriptor)
            throw LocalStackError(.alreadyRunning, operation: "open \(path)", message: "an installation runs there already (pid \(owner))")
        }
        ftruncate(descriptor, 0)
        let text = "\(getpid())\n"
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
        return descriptor
    }

    /// Children die with their supervisor, except in the instant before they have asked for it.
    private func endLeftovers() {
        let folder = "\(path)/pids"
        for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let fields = ((try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)) ?? "").split { $0 == " " || $0 == "\n" }
            if fields.count == 2, let pid = pid_t(fields[0]), pid > 1, Self.startTime(pid) == String(fields[1]) { kill(pid, SIGKILL) }
            unlink("\(folder)/\(file)")
        }
    }

    /// Field 22 of /proc/<pid>/stat, in clock ticks since boot; counted after the command, which may hold blanks and brackets.
    private static func startTime(_ pid: pid_t) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? String(fields[19]) : nil
    }
}
