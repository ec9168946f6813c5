/// A table in use beside the one that was made anew.
public struct TableComparison: Sendable, Codable, Equatable {
    public let table: String
    /// Rows of the table in use.
    public let oldRows: Int64
    /// A hash of all of them, the same for the same rows in any order.
    public let oldHash: String
    /// Rows of the new one.
    public let newRows: Int64
    public let newHash: String
    /// Rows that only the old one has: they vanish.
    public let onlyOld: Int64
    /// Rows that only the new one has: they come.
    public let onlyNew: Int64
    /// Rows that the new one has in a higher version, as those that the table in use would soon have had by itself.
    public let newer: Int64
    /// Rows that both have otherwise.
    public let different: Int64
    /// Ids of some that differ.
    public let samples: [String]
    /// Rows that the topic does not tell of yet, taken over from the table in use.
    public let carried: Int64

    /// Whether nothing of the table in use is lost or altered.
    public var keepsAll: Bool { onlyOld == 0 && different == 0 }
    /// Whether both have the same rows.
    public var isEqual: Bool { keepsAll && onlyNew == 0 && newer == 0 }
}
