import ArgumentParser

/// `rushctl bench`, which is `ops/bench`.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures, on an installation of its own.",
        subcommands: [BenchReserve.self, BenchBroker.self, BenchWorkers.self, BenchQueue.self, BenchRecovery.self, BenchAudit.self])
}
