import ArgumentParser
import Foundation
import Logging
import Telemetry

/// The operator's tool.
@main
struct Rushctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rushctl",
        abstract: "Operates a Booking Rush installation.",
        discussion: """
            Where the stores are comes from the environment: DATABASE_URL, REDIS_URL, KAFKA_BOOTSTRAP_SERVERS, JWT_SECRET (.env.example). Where it names \
            none of the stores, ops/rushctl takes those of the installation in .run. \
            Exit codes: 0 done, 1 failed or a check found something, 64 wrong usage.
            """,
        subcommands: [
            Migrate.self, TopicsCommand.self, Seed.self, Token.self, Inventory.self, Dlq.self, Replay.self, AuditCommand.self, LagCommand.self,
            AnalyticsCommand.self, FleetCommand.self,
            Run.self, Bench.self, Faults.self, Tour.self,
        ])

    static func main() async {
        Telemetry.bootstrap(service: "rushctl", level: .error)
        let words = Array(CommandLine.arguments.dropFirst())
        if let refusal = WrongWord(in: words, of: Self.self)?.description ?? FleetScale.refusal(of: words) {
            Output.progress(refusal)
            Foundation.exit(ExitCode.validationFailure.rawValue)
        }
        await main(nil)
    }
}
