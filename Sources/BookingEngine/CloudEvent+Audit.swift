public import Domain

extension CloudEvent {
    /// The message that tells of an audited action.
    public init(_ entry: AuditEntry, trace: String = "") {
        self.init(type: .auditRecorded, id: entry.id, subject: entry.entityID, time: entry.at, trace: trace, value: entry.json)
    }
}
