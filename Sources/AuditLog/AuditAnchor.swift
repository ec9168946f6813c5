/// What is kept of rows that were exported and dropped, so that the rows around them still hang together: a run of one chain in one month.
public struct AuditAnchor: Equatable, Sendable {
    public let topic: String
    public let partition: Int32
    public let fromSeq: Int64
    public let toSeq: Int64
    /// The first day of the month, `2023-11-01`.
    public let month: String
    /// The hash of the row before the run.
    public let previousHash: [UInt8]
    /// The hash of the last row of the run.
    public let hash: [UInt8]
}
