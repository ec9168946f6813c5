import AuditLog
import Lag
import PostgresClient
import Topics

/// What the audit must be after faults: every message of its topics one row, and every chain whole.
struct AuditAccount {
    private static let topics: [Topic] = [.auditEvents, .bookingEvents, .paymentEvents]
    /// Messages that are looked up together.
    private static let batch = 5_000

    let installation: Installation

    /// Waits until the worker has read everything, then writes down what is not as it must be.
    func settle(_ report: inout FaultReport, limit: Duration) async throws {
        let kafka = Connections.kafka(installation.settings)
        let targets = [LagTarget(group: "audit", topics: Self.topics.map(\.name))]
        let deadline = ContinuousClock.now + limit
        while try await LagSampler.backlog(bootstrapServers: kafka, targets, logger: Connections.logger) != 0 {
            if ContinuousClock.now >= deadline {
                report.faults.append("audit: not read to the end after \(limit)")
                return
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        var records: [AuditRecord] = []
        for topic in Self.topics {
            try await TopicReader.read(topic, bootstrapServers: kafka) { message in
                if let record = try? AuditRecord(message) { records.append(record) }
            }
        }
        let seal = try AuditSeal(installation.settings)
        let all = records
        let found = try await Connections.database(installation.settings) { database in
            let verifier = AuditVerifier(database: database, seal: seal)
            var broken = try await verifier.verify().broken
            for start in stride(from: 0, to: all.count, by: Self.batch) {
                broken += try await verifier.missing(Array(all[start..<min(start + Self.batch, all.count)]))
            }
            let rows = try await database.query("SELECT count(*) AS rows FROM audit_logs")[0].int("rows")
            return (broken: broken, rows: rows)
        }
        report.faults += found.broken.prefix(10).map { "audit: \($0.topic)/\($0.partition) \($0.kind.rawValue) \($0.detail)" }
        let told = Set(all.map { "\($0.messageID) \($0.at.ms)" }).count
        if found.rows != told { report.faults.append("audit: \(found.rows) rows of \(told) different messages") }
        report.audited = found.rows
    }
}
