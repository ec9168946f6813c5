import ArgumentParser
import Foundation
import LocalStack

/// `rushctl bench broker`.
struct BenchBroker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker", abstract: "Measures the embedded broker alone: records in and out, joins, wake-ups, start, memory.",
        discussion: """
            One producer and one reader of our own KafkaClient (librdkafka) on the same machine; records of 250 bytes without compression, \
            acks=all, idempotent, 8 partitions. The headline figures are those of the sync mode that ops/run starts the broker with; that mode \
            takes --records, the others a tenth of it, and only it tells start, memory and idle CPU.
            """)

    @Option(help: "Records produced in the default mode; memory is read after them.")
    var records = 10_000_000

    @Option(help: "A sync mode to measure: always, interval=MS or none; may be repeated. [default: all three]")
    var sync: [String] = []

    @Option(help: "Where to write the figures as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    /// What the figures are asked for; missing where they were not measured.
    static let modes = ["always", "interval=50", "none"]

    func validate() throws {
        if !(100_000...1_000_000_000).contains(records) { throw ValidationError("--records must be from 100000 to 1000000000.") }
    }

    func run() async throws {
        let binary = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path + "/embedded-broker"
        let standard = Self.standardMode
        var modes = sync.isEmpty ? Self.modes : sync
        if sync.isEmpty, !modes.contains(standard) { modes.append(standard) }
        let figures = try await StopSignals().unlessStopped { [modes, records] in
            var table: [String: BrokerFigures.Mode] = [:]
            for mode in modes {
                Output.progress("  --sync \(mode)")
                let server = try BrokerServer(binary: binary, sync: mode)
                defer { server.erase() }
                let measurement = BrokerMeasurement(server: server)
                table[mode] = try await measurement.run(records: mode == standard ? records : max(100_000, records / 10), whole: mode == standard)
            }
            return BrokerFigures(defaultSync: standard, modes: table)
        }
        figures.print()
        try json?.write(figures)
    }

    /// The mode in which `ops/run` starts the broker.
    private static let standardMode = LocalStackConfiguration(directory: "/", binaries: "/").brokerSync
}
