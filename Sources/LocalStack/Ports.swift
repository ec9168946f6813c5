import Foundation
import Glibc

/// Questions about TCP ports of this machine.
enum Ports {
    /// Below the kernel's range for outgoing connections (32768 and up), so that no client takes the port between choice and use.
    private static let choices = 15_000..<32_000
    private static let maxTries = 500

    /// A port on which nobody listens, and not one of `used`.
    static func free(besides used: Set<Int>) throws(LocalStackError) -> Int {
        for _ in 0..<maxTries {
            let port = Int.random(in: choices)
            if !used.contains(port), isFree(port) { return port }
        }
        throw LocalStackError(.system, operation: "find a free port", message: "none found in \(choices) after \(maxTries) tries")
    }

    /// Whether a server could listen there now; binding to all addresses also meets a listener on the loopback alone.
    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        return bound == 0 && listen(descriptor, 1) == 0
    }

    /// Throws an error that names the port, and the process on it where it can be seen, once `limit` has passed without it being free.
    static func requireFree(_ port: Int, for component: Component, limit: Duration = .seconds(2)) async throws {
        let deadline = ContinuousClock.now + limit
        while !isFree(port) {
            guard ContinuousClock.now < deadline else {
                let owner = owner(of: port).map { "by \($0.command) (pid \($0.pid))" } ?? "by another program"
                throw LocalStackError(.portTaken, operation: "start \(component)", message: "port \(port) is taken \(owner)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Who listens on the port: the socket's inode from /proc/net, and the process that has it open. Nil without the right to look.
    private static func owner(of port: Int) -> (pid: Int, command: String)? {
        let suffix = ":" + String(format: "%04X", port)
        var inodes = Set<String>()
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let text = try? String(contentsOfFile: table, encoding: .utf8) else { continue }
            for line in text.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                // Fields: slot, local address, remote address, state (0A is listening), …, inode.
                if fields.count > 9, fields[1].hasSuffix(suffix), fields[3] == "0A" { inodes.insert("socket:[\(fields[9])]") }
            }
        }
        guard !inodes.isEmpty, let processes = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return nil }
        for process in processes {
            guard let pid = Int(process), let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd") else { continue }
            for file in files {
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(file)"),
                    inodes.contains(target)
                else { continue }
                let command = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? "a process"
                return (pid, command.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return nil
    }
}
