/// One row. Each reader takes a column's name and throws ``PostgresError`` with code `decoding`, naming the column (never the value), when
/// there is no such column, when it is NULL (not for the `optional…` readers), or when it is not of the type.
public struct PostgresRow: Sendable {
    /// Shared by all rows of the result.
    let storage: PostgresRows.Storage
    /// This row's position.
    let row: Int32

    /// The text of the column at a position; nil for NULL or a position that does not exist.
    public subscript(position: Int) -> String? {
        guard storage.columns.indices.contains(position) else { return nil }
        return withExtendedLifetime(storage) { storage.bytes(row: row, column: Int32(position)).map { String(decoding: $0, as: UTF8.self) } }
    }

    /// Any type, as PostgreSQL writes it.
    public func string(_ column: String) throws(PostgresError) -> String { try required(column, optionalString(column)) }

    /// smallint, integer, bigint.
    public func int(_ column: String) throws(PostgresError) -> Int { try required(column, optionalInt(column)) }

    /// smallint, integer, bigint.
    public func int64(_ column: String) throws(PostgresError) -> Int64 { try required(column, optionalInt64(column)) }

    /// double precision, real, numeric.
    public func double(_ column: String) throws(PostgresError) -> Double { try required(column, optionalDouble(column)) }

    /// boolean.
    public func bool(_ column: String) throws(PostgresError) -> Bool { try required(column, optionalBool(column)) }

    /// bytea.
    public func bytes(_ column: String) throws(PostgresError) -> [UInt8] { try required(column, optionalBytes(column)) }

    /// A one-dimensional array of any type.
    public func strings(_ column: String) throws(PostgresError) -> [String?] { try required(column, optionalStrings(column)) }

    /// Any type, as PostgreSQL writes it.
    public func optionalString(_ column: String) throws(PostgresError) -> String? {
        try read(column, "text") { String(decoding: $0, as: UTF8.self) }
    }

    /// smallint, integer, bigint.
    public func optionalInt(_ column: String) throws(PostgresError) -> Int? {
        try read(column, "an integer") { Int(String(decoding: $0, as: UTF8.self)) }
    }

    /// smallint, integer, bigint.
    public func optionalInt64(_ column: String) throws(PostgresError) -> Int64? {
        try read(column, "an integer") { Int64(String(decoding: $0, as: UTF8.self)) }
    }

    /// double precision, real, numeric.
    public func optionalDouble(_ column: String) throws(PostgresError) -> Double? {
        try read(column, "a number") { Double(String(decoding: $0, as: UTF8.self)) }
    }

    /// boolean.
    public func optionalBool(_ column: String) throws(PostgresError) -> Bool? {
        try read(column, "a boolean") { bytes in
            switch bytes.first {
            case UInt8(ascii: "t") where bytes.count == 1: true
            case UInt8(ascii: "f") where bytes.count == 1: false
            default: nil
            }
        }
    }

    /// bytea.
    public func optionalBytes(_ column: String) throws(PostgresError) -> [UInt8]? {
        try read(column, "bytea") { PostgresTextDecoder.bytea($0) }
    }

    /// A one-dimensional array of any type.
    public func optionalStrings(_ column: String) throws(PostgresError) -> [String?]? {
        try read(column, "an array") { PostgresTextDecoder.array($0) }
    }

    private func read<Value>(
        _ column: String, _ expected: String, _ convert: (UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value? {
        guard let index = storage.columns.firstIndex(of: column) else { throw decoding(column, "is not in the result") }
        return try withExtendedLifetime(storage) { () throws(PostgresError) -> Value? in
            guard let bytes = storage.bytes(row: row, column: Int32(index)) else { return nil }
            guard let value = convert(bytes) else { throw decoding(column, "is not \(expected)") }
            return value
        }
    }

    private func required<Value>(_ column: String, _ value: Value?) throws(PostgresError) -> Value {
        guard let value else { throw decoding(column, "is NULL") }
        return value
    }

    private func decoding(_ column: String, _ what: String) -> PostgresError {
        PostgresError(code: .decoding, operation: "read row", message: "the column \(what)", column: column)
    }
}
