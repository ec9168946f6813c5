import ArgumentParser

/// `rushctl audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Verifies the audit's chains, and exports and drops old months.",
        discussion: """
            Each row of audit_logs carries a hash over itself and the row before it, under AUDIT_KEY, which PostgreSQL never sees: one chain a partition of a
            source topic. Rows are read with GET /api/v1/admin/audit-logs.
            """,
        subcommands: [AuditVerify.self, AuditRetain.self])
}
