/// One parameter of a statement, or one field of a COPY row. The server infers the type from the statement, so an array parameter needs a
/// cast there: `unnest($1::text[])`.
public enum PostgresValue: Sendable, Equatable {
    /// SQL's NULL.
    case null
    /// Also for uuid, timestamptz, jsonb, numeric: any type in its text form. A NUL character is refused.
    case text(String)
    /// smallint, integer, bigint, numeric.
    case int(Int64)
    /// double precision, real.
    case double(Double)
    /// boolean.
    case bool(Bool)
    /// bytea.
    case bytes([UInt8])
    /// text[], uuid[], timestamptz[], jsonb[] …
    case textArray([String?])
    /// bigint[], integer[].
    case intArray([Int64?])
    /// double precision[].
    case doubleArray([Double?])
    /// boolean[].
    case boolArray([Bool?])
    /// bytea[].
    case bytesArray([[UInt8]?])

    /// `null` for nil.
    public init(_ value: String?) { self = value.map { .text($0) } ?? .null }
    /// `null` for nil.
    public init(_ value: Int64?) { self = value.map { .int($0) } ?? .null }
    /// `null` for nil.
    public init(_ value: Int?) { self = value.map { .int(Int64($0)) } ?? .null }
    /// `null` for nil.
    public init(_ value: Bool?) { self = value.map { .bool($0) } ?? .null }
    /// `null` for nil.
    public init(_ value: [UInt8]?) { self = value.map { .bytes($0) } ?? .null }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral {
    /// A text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// A number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A flag.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// NULL.
    public init(nilLiteral: ()) { self = .null }
}
