import Foundation
import Synchronization

/// A program that a test starts; killed with all that it started when it is let go.
final class Program: Sendable {
    private let process: Process
    private let input = Pipe()
    private let written = Mutex((lines: [String](), isComplete: false))

    /// Starts it, with its output and its errors gathered as lines.
    init(_ path: String, _ arguments: [String], folder: String? = nil) throws {
        // A program that ends early must fail its test, not the test run.
        signal(SIGPIPE, SIG_IGN)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        self.process = process
        try process.run()
        let reader = output.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            var rest = Data()
            while true {
                let piece = reader.availableData
                if piece.isEmpty { break }
                rest += piece
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest = rest[(end + 1)...]
                    self?.written.withLock { $0.lines.append(line) }
                }
            }
            self?.written.withLock { written in
                if !rest.isEmpty { written.lines.append(String(decoding: rest, as: UTF8.self)) }
                written.isComplete = true
            }
        }
    }

    deinit { kill() }

    /// What it has written so far.
    var output: [String] { written.withLock { $0.lines } }

    /// Whether it has not ended.
    var isRunning: Bool { process.isRunning }

    /// Ends its standard input.
    func endInput() {
        try? input.fileHandleForWriting.close()
    }

    /// Ends it as a crash would.
    func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    }

    /// Waits for a line, the first that fits.
    func line(limit: Duration = .seconds(10), where fits: @escaping (String) -> Bool = { _ in true }) async throws -> String {
        let end = ContinuousClock.now + limit
        while true {
            if let found = output.first(where: fits) { return found }
            if !isRunning { throw ConformanceFailure("the program ended:\n\(output.suffix(20).joined(separator: "\n"))") }
            if ContinuousClock.now > end { throw ConformanceFailure("no such line within \(limit):\n\(output.suffix(20).joined(separator: "\n"))") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Waits for its end and for all that it wrote; kills it after the limit.
    /// - Returns: its exit code.
    func end(limit: Duration) async throws -> Int32 {
        let end = ContinuousClock.now + limit
        while isRunning || !written.withLock({ $0.isComplete }) {
            if ContinuousClock.now > end {
                kill()
                throw ConformanceFailure("not done after \(limit):\n\(output.suffix(20).joined(separator: "\n"))")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return process.terminationStatus
    }
}
