/// A row of `audit_logs`: a record in its place in a chain.
public struct AuditRow: Equatable, Sendable {
    public var record: AuditRecord
    /// Its place in the chain of its source's partition, from 1.
    public var seq: Int64
    /// The hash of the row before it; of the first ``AuditSeal/origin``.
    public var previousHash: [UInt8]
    /// Over the row and ``previousHash``: see ``AuditSeal``.
    public var hash: [UInt8]

    public init(record: AuditRecord, seq: Int64, previousHash: [UInt8], hash: [UInt8]) {
        self.record = record
        self.seq = seq
        self.previousHash = previousHash
        self.hash = hash
    }
}

extension AuditRow {
    /// The hash in hexadecimal.
    public var hashText: String { Hex.text(hash) }
}
