import Domain
import PostgresClient

extension PostgresRow {
    /// A column of type uuid.
    func id<Kind>(_ column: String) throws(PostgresError) -> Identifier<Kind> {
        guard let id = Identifier<Kind>(try string(column)) else { throw unreadable(column) }
        return id
    }

    /// A column that holds one of a few words.
    func word<Word: RawRepresentable<String>>(_ column: String) throws(PostgresError) -> Word {
        guard let word = Word(rawValue: try string(column)) else { throw unreadable(column) }
        return word
    }

    private func unreadable(_ column: String) -> PostgresError {
        PostgresError(code: .decoding, operation: "read row", message: "the column holds what this build does not know", column: column)
    }
}
