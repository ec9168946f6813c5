import Foundation
import LocalStack

/// Settles what is left after the faults, and holds what was promised against what there is.
struct FaultAccount {
    let installation: Installation
    let stories: [FaultBuyer.Story]

    func settle(_ report: inout FaultReport, limit: Duration) async throws {
        let start = ContinuousClock.now
        Output.progress("  waiting for everything to come to rest")
        let check = try await atRest(limit)
        report.drainedMs = Int((ContinuousClock.now - start) / .milliseconds(1))
        report.invariantsOk = check.ok && check.atRest
        if !check.atRest { report.faults.append("not at rest within \(limit)") }
        report.faults += check.invariants.flatMap(\.rows)
        report.faults += stories.flatMap(\.unexpected)
        let promised = stories.compactMap { story in story.booking.map { (id: $0, key: story.key, way: story.way) } }
        report.bookings = promised.count
        report.payments = stories.reduce(0) { $0 + $1.payments }
        report.repeats = stories.reduce(0) { $0 + $1.repeats }
        let found = try await Connections.database(installation.settings) { database in
            var found: [String: (key: String, status: String)] = [:]
            for row in try await database.query("SELECT id, idempotency_key, status FROM bookings", []) {
                found[try row.string("id")] = (try row.string("idempotency_key"), try row.string("status"))
            }
            return found
        }
        report.lost = promised.count { found[$0.id] == nil }
        report.doubled = found.count - Set(found.values.map(\.key)).count
        for one in promised {
            let ending = found[one.id]?.status ?? "lost"
            report.endings[ending, default: 0] += 1
            report.ways["\(one.way)", default: [:]][ending, default: 0] += 1
        }
        let known = Set(promised.map(\.key))
        // A booking without a 202 may stand: its answer was lost, and nobody asked again. It must have ended all the same.
        for (id, booking) in found where !known.contains(booking.key) && booking.status == "reserved" {
            report.faults.append("booking \(id): reserved, and nobody was told")
        }
    }

    /// The check is done again while holds still run out: a declined payment leaves minutes to try another.
    private func atRest(_ limit: Duration) async throws -> InventoryReport {
        try await InventoryCheck.run(settings: installation.settings, wait: limit)
    }
}
