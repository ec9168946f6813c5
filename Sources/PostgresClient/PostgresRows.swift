import CPq

/// The rows of one result, in its order. Values stay in libpq's memory until they are asked for.
public struct PostgresRows: Sendable, RandomAccessCollection {
    private let storage: Storage
    /// Always 0.
    public let startIndex = 0
    /// The number of rows.
    public let endIndex: Int
    /// Rows that the statement inserted, updated, deleted or returned.
    public let affectedCount: Int

    /// Takes the result over.
    init(_ result: consuming PostgresResult) {
        affectedCount = result.affectedCount
        endIndex = Int(PQntuples(result.pointer))
        storage = Storage(result)
    }

    /// The row at a position below `count`.
    public subscript(position: Int) -> PostgresRow {
        precondition(indices.contains(position), "row \(position) of \(count)")
        return PostgresRow(storage: storage, row: Int32(position))
    }

    /// The columns' names, in order.
    public var columns: [String] { storage.columns }

    /// The only row.
    /// - Throws: ``PostgresError`` with code `decoding` when there is none, or more than one.
    public func one() throws(PostgresError) -> PostgresRow {
        guard count == 1 else {
            throw PostgresError(code: .decoding, operation: "read rows", message: "one row was expected, there are \(count)")
        }
        return self[0]
    }

    /// A result and its column names.
    ///
    /// `@unchecked Sendable`: a `PGresult` is read-only once it has been received, and libpq allows any thread to read and to clear it
    /// (manual, 34.20); the last reference clears it.
    final class Storage: @unchecked Sendable {
        let result: PostgresResult
        let columns: [String]

        init(_ result: consuming PostgresResult) {
            columns = (0..<PQnfields(result.pointer)).map { PQfname(result.pointer, $0).map { String(cString: $0) } ?? "" }
            self.result = result
        }

        /// The value's text bytes, nil for NULL. They live as long as the storage.
        func bytes(row: Int32, column: Int32) -> UnsafeRawBufferPointer? {
            guard PQgetisnull(result.pointer, row, column) == 0, let value = PQgetvalue(result.pointer, row, column) else { return nil }
            return UnsafeRawBufferPointer(start: value, count: Int(PQgetlength(result.pointer, row, column)))
        }
    }
}
