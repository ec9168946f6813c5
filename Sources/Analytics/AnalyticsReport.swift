/// The tables of analytics beside a recount of the topics.
public struct AnalyticsReport: Sendable, Codable, Equatable {
    /// A table beside what was counted.
    public struct Table: Sendable, Codable, Equatable {
        public let table: String
        /// Rows that the topics tell of.
        public var expected = 0
        /// Rows of the table.
        public var found = 0
        /// Rows that the table lacks.
        public var missing = 0
        /// Rows that the topics do not tell of.
        public var unexpected = 0
        /// Rows that say something else.
        public var different = 0

        public init(table: String) {
            self.table = table
        }

        /// Whether both have the same rows.
        public var isEqual: Bool { missing == 0 && unexpected == 0 && different == 0 }
    }

    public var tables: [Table]
    /// Messages that were read, up to where the tables are.
    public var read: Int64
    /// Of them, those that came more than once.
    public var copies: Int64
    /// Of them, those that cannot be read; they are dead letters.
    public var unreadable: Int64
    /// Messages on the topics that the tables do not have yet.
    public var behind: Int64
    /// Some rows that differ.
    public var samples: [String]

    /// Whether all tables are equal to the recount.
    public var ok: Bool { tables.allSatisfy(\.isEqual) }
    /// Whether the tables are as far as the topics.
    public var atRest: Bool { behind == 0 }
}
