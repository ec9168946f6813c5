import Foundation
import Testing

/// The real broker as a process of its own, in a folder of its own.
final class BrokerProcess {
    /// Longest wait for any condition, in seconds.
    static let limit = 15.0

    let scratch: Scratch
    private(set) var port = 0
    private var process: Process?
    private let arguments: [String]
    /// What the broker printed when it was last started.
    private(set) var announcement = ""

    private var isMounted = false
    private let environment: [String: String]

    /// With `tmpfsMegabytes` the data folder is a file system of its own, of that size.
    init(
        _ arguments: [String] = [], tmpfsMegabytes: Int? = nil, environment: [String: String] = [:],
        folder: URL = FileManager.default.temporaryDirectory
    ) throws {
        // A program that ends early must fail its test, not the test run.
        signal(SIGPIPE, SIG_IGN)
        scratch = try Scratch(in: folder)
        self.arguments = arguments
        self.environment = environment
        if let tmpfsMegabytes {
            try FileManager.default.createDirectory(atPath: dataPath, withIntermediateDirectories: true)
            try #require(mount("test", dataPath, "tmpfs", 0, "size=\(tmpfsMegabytes)m") == 0)
            isMounted = true
        }
        try start()
    }

    deinit {
        kill()
        if isMounted { umount2(dataPath, Int32(MNT_DETACH)) }
    }

    var address: String { "127.0.0.1:\(port)" }
    var dataPath: String { scratch.path + "/data" }
    var logPath: String { scratch.path + "/log" }

    /// Starts the broker, on the same port as before, and waits until it is ready.
    func start() throws {
        let portFile = scratch.path + "/port"
        try? FileManager.default.removeItem(atPath: portFile)
        let process = Process()
        process.executableURL = Self.binary
        process.arguments = ["--data", dataPath, "--port", String(port), "--port-file", portFile] + arguments
        if !environment.isEmpty { process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 } }
        let output = Pipe()
        process.standardOutput = output
        if !FileManager.default.fileExists(atPath: logPath) { _ = FileManager.default.createFile(atPath: logPath, contents: nil) }
        let log = try #require(FileHandle(forWritingAtPath: logPath))
        try log.seekToEnd()
        process.standardError = log
        try process.run()
        self.process = process
        try Self.wait("the broker to be ready") { FileManager.default.fileExists(atPath: portFile) || !process.isRunning }
        let text = try String(contentsOfFile: portFile, encoding: .utf8)
        port = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        announcement = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }

    /// Ends it as a crash would.
    func kill() {
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// The number to send signals to.
    func processID() throws -> Int32 { try #require(process).processIdentifier }

    /// Ends it as an operator would, and returns the exit code.
    func stop() throws -> Int32 {
        let process = try #require(process)
        process.terminate()
        process.waitUntilExit()
        self.process = nil
        return process.terminationStatus
    }

    /// Resident memory in KiB.
    func residentKiB() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(try #require(process).processIdentifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(separator: " ")[1]))
    }

    /// Runs kcat with these arguments and this input; returns its output and exit code.
    @discardableResult
    func kcat(_ arguments: [String], input: String? = nil) throws -> (output: String, status: Int32) {
        try Self.run("/usr/bin/kcat", ["-b", address] + arguments, input: input)
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String], input: String? = nil) throws -> (output: String, status: Int32) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        let feed = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = input == nil ? FileHandle.nullDevice : feed
        try process.run()
        if let input {
            try feed.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try feed.fileHandleForWriting.close()
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (text, process.terminationStatus)
    }

    /// Waits until `condition` holds.
    static func wait(_ what: String, _ condition: () throws -> Bool) throws {
        let end = Date().addingTimeInterval(limit)
        while try !condition() {
            try #require(Date() < end, "waited too long for \(what)")
            usleep(5_000)
        }
    }

    /// The executable beside the test bundle.
    static var binary: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("embedded-broker")
    }
}
