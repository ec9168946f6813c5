public import KafkaClient

/// What a verification found.
public struct AuditReport: Sendable {
    /// What does not hold.
    public struct Break: Sendable, Encodable, Equatable {
        /// In which way.
        public enum Kind: String, Sendable, Encodable {
            /// The row is not what it was when it was written, or was not written by the worker.
            case changed
            /// Rows before this one are gone.
            case missing
            /// Rows at the end of the chain are gone.
            case missingAtEnd = "missing_at_end"
            /// A row that the chain does not know.
            case unexpected
            /// What stands for exported rows was not made by `rushctl audit retain`.
            case anchor
        }

        public let topic: String
        public let partition: Int32
        /// The row's place in its chain; of missing rows the first.
        public let seq: Int64?
        /// Of the row's message.
        public let offset: Int64?
        public let at: String?
        public let kind: Kind
        /// For people.
        public let detail: String
    }

    public internal(set) var chains = 0
    /// Rows that were read.
    public internal(set) var rows = 0
    /// Rows that were exported and dropped, for which anchors stand.
    public internal(set) var exportedRows: Int64 = 0
    /// Of each source the offsets that have no row: those between rows, and all behind the last.
    public internal(set) var without: [KafkaTopicPartition: (gaps: [Range<Int64>], reach: Int64)] = [:]
    /// Of each chain the first that does not hold.
    public var broken: [Break] = []

    /// Whether everything holds.
    public var holds: Bool { broken.isEmpty }
}
