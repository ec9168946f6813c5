public import Domain
import PostgresClient

/// What a discard did, or with a dry run would do.
public struct DiscardReport: Sendable, Encodable {
    public let isDryRun: Bool
    /// Why they had failed: those that fit the filter and are open.
    public let reasons: [DeadLetterGroup]
    /// Put aside. With a dry run 0.
    public var discarded = 0
    /// Just being redriven, or left over by a redrive that was killed and has to be resumed first.
    public var busy = 0
}

extension DeadLetterDesk {
    /// Puts open dead letters aside for good. The records stay on the topic.
    /// - Parameters:
    ///   - reason: 1 to 500 bytes.
    ///   - id: what the audit calls it; nil makes one.
    /// - Throws: `.invalidRequest`, and what the stores give.
    public func discard(
        _ filter: DeadLetterFilter, reason: String, actor: AuditActor, dryRun: Bool = false, id: String? = nil
    ) async throws(DeadLettersError) -> DiscardReport {
        do {
            guard (1...500).contains(reason.utf8.count), !reason.utf8.contains(0) else {
                throw DeadLettersError(.invalidRequest, "discard", "the reason must be 1 to 500 bytes without NUL")
            }
            _ = try await catchUp()
            var open = filter
            open.status = .open
            var claimed = Condition(open)
            claimed.and("claim IS NOT NULL")
            let begun = DiscardReport(isDryRun: dryRun, reasons: try await groups(open), busy: try await count(claimed))
            if dryRun { return begun }
            let chosen = open
            return try await audited(
                "dlq.discard", id: id ?? Self.newID(), actor: actor, asked: Asked(filter: chosen, reason: reason)
            ) {
                var report = begun
                var condition = Condition(chosen, after: [.text(reason), .text(actor.description)])
                condition.and("claim IS NULL")
                report.discarded = try await database.query(
                    """
                    UPDATE dead_letters SET status = 'discarded', reason = $1, decided_by = $2, decided_at = now(), updated_at = now()
                    WHERE \(condition.sql) RETURNING 1
                    """, condition.parameters
                ).count
                return report
            }
        } catch {
            throw DeadLettersError(error, "discard")
        }
    }

    /// What the audit keeps of a discard's wish.
    private struct Asked: Encodable {
        let filter: DeadLetterFilter
        let reason: String
    }
}
