import ArgumentParser
import BookingEngine
import Domain
import Glibc

/// `rushctl inventory`.
struct Inventory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the stock, and gives it back to a Redis or a topic that lost it.",
        subcommands: [Check.self, Rebuild.self, RepairTopic.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks the invariants over Redis, PostgreSQL, the topics and the payment simulator's books.",
            discussion: """
                1 per zone, available + held + sold = capacity, none negative, and equal to what its bookings hold \
                2 no seat in two live bookings, no user above the limit \
                3 every hold is due at some time, and every booking of the topics is known \
                4 at rest, bookings and zones are equal in Redis and PostgreSQL, and PostgreSQL is the fold of the topics \
                5 captured - refunded = confirmed + in flight + retained, to the minor unit; at most one capture a payment; PostgreSQL, the topics
                  and the gateway's books agree

                The fourth needs rest (outbox and lag 0, no money on its way): --wait says how long to wait for it; without rest it is reported as skipped. The fifth reads the \
                books of the simulator at PAYMENT_GATEWAY_URL; another gateway has none that can be read, and the rest of it is checked without. \
                Exit code 1 when an invariant is broken, or when rest was waited for in vain.
                """)

        @Option(help: "Seconds to wait for rest.")
        var wait = 0

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let wait = wait
            let report = try await InventoryCheck.run(settings: .environment, wait: .seconds(wait))
            if json { try Output.json(report) } else { report.print() }
            if !report.ok || (wait > 0 && !report.atRest) { throw ExitCode(1) }
        }
    }
}
