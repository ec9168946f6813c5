import ArgumentParser

/// `rushctl bench`, which is `ops/bench`.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measures, on a whole installation of its own.", subcommands: [BenchReserve.self])
}
