import Foundation
import Glibc
import KafkaTestSupport
import Testing

@testable import Replays

/// `rushctl replay` as a process of its own, which can be killed.
@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: Rushctl.binary != nil))
struct ReplayCommandTests {
    private func command(_ bench: Bench, _ arguments: [String]) throws -> (process: Process, output: Pipe) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Rushctl.binary ?? "")
        process.arguments = ["replay"] + arguments
        process.environment = ["DATABASE_URL": bench.databaseURL, "KAFKA_BOOTSTRAP_SERVERS": bench.cluster.bootstrap, "PATH": "/usr/bin:/bin"]
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        return (process, output)
    }

    private func run(_ bench: Bench, _ arguments: String...) throws -> (code: Int32, text: String) {
        let (process, output) = try command(bench, arguments)
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    private func fill(_ bench: Bench, _ count: Int) async throws {
        try await bench.send((0..<count).map { bench.record("payment.commands", key: "\($0)", type: "payment.charge.v1", "\($0)") })
    }

    @Test(arguments: [SIGKILL, SIGINT]) func whatIsKilledOrStoppedIsResumed(signal: Int32) async throws {
        try await Bench.with { bench in
            try await fill(bench, 600)
            let (process, _) = try command(bench, ["worker", "payment", "--topic", "payment.commands", "--rate", "300", "--yes"])
            let isUnderWay = try await eventually { try await bench.desk().list().first?.taken ?? 0 > 60 }
            #expect(isUnderWay)
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
            let left = try #require(try await bench.desk().list().first)
            #expect(left.taken < 600)
            #expect(left.status == (signal == SIGKILL ? .running : .interrupted))
            #expect(left.actor.hasPrefix("operator:"))
            try await bench.database.expireLeases()
            let resumed = try run(bench, "resume", left.id, "--json")
            #expect(resumed.code == 0)
            let report = try ReplayStore.report(resumed.text)
            #expect(report.id == left.id && report.read == 600)
            let copies = try await bench.all("payment.redrive").compactMap { $0.value.map { String(decoding: $0, as: UTF8.self) } }
            #expect(Set(copies) == Set((0..<600).map { "\($0)" }))
            let audited = try await bench.all("audit.events").count
            #expect(audited == 3)
        }
    }

    @Test func wrongFlagsAndMissingConsentChangeNothing() async throws {
        try await Bench.with { bench in
            try await fill(bench, 10)
            let unasked = try run(bench, "worker", "payment", "--topic", "payment.commands")
            #expect(unasked.code == 64)
            let planned = try run(bench, "worker", "payment", "--topic", "payment.commands", "--dry-run", "--json")
            #expect(planned.code == 0 && planned.text.contains("\"selected\" : 10"))
            let absent = try run(bench, "rebuild", "audit", "--yes")
            #expect(absent.code == 64)
            let unknown = try run(bench, "worker", "nobody", "--topic", "payment.commands", "--yes")
            #expect(unknown.code == 1)
            let both = try run(bench, "group", "payment", "--topic", "payment.commands", "--since", "2h", "--from-offset", "3", "--yes")
            #expect(both.code == 64)
            #expect(try await bench.desk().list().isEmpty)
            let rebuilt = try run(bench, "rebuild", "--all", "--yes")
            #expect(rebuilt.code == 0 && rebuilt.text.contains("equal, row by row"))
        }
    }
}

/// The command under test.
private enum Rushctl {
    /// What the same build put beside the tests, or `RUSHCTL`.
    static let binary: String? = {
        let named = ProcessInfo.processInfo.environment["RUSHCTL"] ?? ""
        let beside = TestCluster.brokerBinary.map { URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("rushctl").path }
        let path = named.hasPrefix("/") ? named : beside ?? ""
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()
}
