import Foundation

/// The embedded broker as a process, in a folder of its own.
final class BrokerServer: @unchecked Sendable {
    // Sendable: used by one task after the other.

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The longest wait for it to be ready, or to end.
    static let limit: Duration = .seconds(60)

    private let binary: String
    private let sync: String
    private let folder: String
    private var process: Process?
    private(set) var port = 0

    init(binary: String, sync: String) throws {
        self.binary = binary
        self.sync = sync
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-broker-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    var bootstrap: String { "127.0.0.1:\(port)" }
    var pid: Int32 { process?.processIdentifier ?? 0 }

    /// Starts it and waits until it takes requests.
    /// - Returns: milliseconds from the start of the process.
    @discardableResult
    func start() async throws -> Double {
        let portFile = folder + "/port"
        try? FileManager.default.removeItem(atPath: portFile)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["--data", folder + "/data", "--port", "0", "--port-file", portFile, "--sync", sync, "--log-level", "warning"]
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        let begin = ContinuousClock.now
        try process.run()
        self.process = process
        while !FileManager.default.fileExists(atPath: portFile) {
            if !process.isRunning { throw Failure(description: "the broker ended with \(process.terminationStatus)") }
            if ContinuousClock.now - begin > Self.limit { throw Failure(description: "the broker is not ready after \(Self.limit)") }
            try await Task.sleep(for: .microseconds(500))
        }
        let taken = (ContinuousClock.now - begin) / .milliseconds(1)
        let text = try String(contentsOfFile: portFile, encoding: .utf8)
        port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        return taken
    }

    /// Ends it by a signal, and waits for its end.
    func end(_ signal: Int32) {
        guard let process else { return }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        self.process = nil
    }

    /// Ends it and removes what it wrote.
    func erase() {
        end(SIGKILL)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Resident memory in MiB.
    func residentMiB() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kib = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { throw Failure(description: "no VmRSS in /proc/\(pid)/status") }
        return kib / 1024
    }

    /// What the files of its log take, in MiB.
    func logMiB() -> Double {
        var bytes = 0
        let files = FileManager.default.enumerator(at: URL(fileURLWithPath: folder + "/data"), includingPropertiesForKeys: [.fileSizeKey])
        while let file = files?.nextObject() as? URL { bytes += (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0 }
        return Double(bytes) / 1_048_576
    }
}
