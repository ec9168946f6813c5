import Domain
import PostgresClient
import WorkerRuntime

extension PostgresRow {
    /// An id.
    /// - Throws: ``Failure`` that names the column; the same row reads the same again.
    func identifier<Kind>(_ column: String) throws -> Identifier<Kind> {
        guard let id = Identifier<Kind>(try string(column)) else { throw Self.unreadable(column) }
        return id
    }

    /// One of an enumeration's words.
    func word<Word: RawRepresentable>(_ column: String) throws -> Word where Word.RawValue == String {
        guard let word = Word(rawValue: try string(column)) else { throw Self.unreadable(column) }
        return word
    }

    private static func unreadable(_ column: String) -> Failure {
        Failure(.deadLetter, label: "unreadable_row", message: "the column \(column) has a value that is not known here")
    }
}
