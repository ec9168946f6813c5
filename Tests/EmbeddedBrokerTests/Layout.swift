import NIOCore
import Testing

@testable import EmbeddedBroker

/// The layout of one Kafka message, by which a test writes requests and reads answers without the broker's own code for them.
struct Layout {
    /// A message that is not laid out as it should be.
    struct Mismatch: Error, CustomStringConvertible { let description: String }

    /// A value for a request's field.
    enum Value {
        case integer(Int64)
        case text(String?)
        case bytes([UInt8])
        /// So many elements.
        case count(Int)
        /// A count that says so, with one element behind it.
        case lie(Int)
    }

    struct Field {
        let name: String
        let versions: ClosedRange<Int16>
        let type: String
        let isNullable: Bool
        /// Of a structure's array.
        let fields: [Field]
    }

    let fields: [Field]
    /// Int16.max where no version listed is flexible.
    let firstFlexible: Int16

    private static let all: [String: Layout] = {
        var layouts: [String: Layout] = [:]
        var tokens = KafkaLayouts.text.split(whereSeparator: \.isWhitespace).map(String.init)[...]
        while let kind = tokens.popFirst(), let key = tokens.popFirst(), let flexible = tokens.popFirst() {
            layouts[kind + key] = Layout(fields: parse(&tokens), firstFlexible: Int16(flexible) ?? .max)
        }
        return layouts
    }()

    static func request(_ key: Int16) throws -> Layout { try #require(all["request\(key)"]) }
    static func response(_ key: Int16) throws -> Layout { try #require(all["response\(key)"]) }

    private static func parse(_ tokens: inout ArraySlice<String>) -> [Field] {
        var fields: [Field] = []
        while let name = tokens.first, name != "request", name != "response", !name.hasPrefix("]"), tokens.count >= 3 {
            tokens.removeFirst()
            let range = tokens.removeFirst().split(separator: "-")
            let low = Int16(range[0].filter(\.isNumber)) ?? 0
            let high = range.count > 1 ? Int16(range[1]) ?? 0 : .max
            var type = tokens.removeFirst()
            var nested: [Field] = []
            if type == "[" {
                nested = parse(&tokens)
                type = "[" + (tokens.popFirst() ?? "]")
            }
            let isNullable = type.hasSuffix("?")
            if isNullable { type.removeLast() }
            fields.append(Field(name: name, versions: low...max(low, high), type: type, isNullable: isNullable, fields: nested))
        }
        return fields
    }

    // MARK: Writing

    /// Writes the fields of `version`; `value` is asked with the path of each, and nil stands for 0, the empty text, or one element.
    func write(version: Int16, to writer: inout WireWriter, value: (String) -> Value?) {
        write(fields, "", version, &writer, value)
    }

    private func write(_ fields: [Field], _ path: String, _ version: Int16, _ writer: inout WireWriter, _ value: (String) -> Value?) {
        let flexible = version >= firstFlexible
        for field in fields where field.versions.contains(version) {
            let path = path + field.name
            let given = value(path)
            if field.type.hasPrefix("[") {
                var count = 1
                if case .count(let wanted) = given { count = wanted }
                var written = count
                if case .lie(let wanted) = given { written = wanted }
                writer.count(written, compact: flexible)
                for _ in 0..<max(0, count) {
                    if field.fields.isEmpty {
                        write(scalar: String(field.type.dropFirst().dropLast()), given, flexible, &writer)
                    } else {
                        write(field.fields, path + ".", version, &writer, value)
                    }
                }
            } else {
                write(scalar: field.type, given, flexible, &writer)
            }
        }
        if flexible { writer.noTags() }
    }

    private func write(scalar type: String, _ value: Value?, _ flexible: Bool, _ writer: inout WireWriter) {
        var number: Int64 = 0
        var text: String? = ""
        var bytes: [UInt8] = []
        switch value {
        case .integer(let given): number = given
        case .text(let given): text = given
        case .bytes(let given): bytes = given
        case .count, .lie, nil: break
        }
        switch type {
        case "bool", "int8": writer.int8(Int8(truncatingIfNeeded: number))
        case "int16": writer.int16(Int16(truncatingIfNeeded: number))
        case "int32": writer.int32(Int32(truncatingIfNeeded: number))
        case "int64": writer.int64(number)
        case "string": if flexible { writer.compactNullableString(text) } else { writer.nullableString(text) }
        default: writer.bytes(bytes)
        }
    }

    // MARK: Reading

    /// Reads all of an answer's body and returns its error codes; what is left over, or missing, is a mismatch.
    func errors(in reader: WireReader, version: Int16) throws -> [Int16] {
        var reader = reader
        var errors: [Int16] = []
        try read(fields, version, &reader, &errors)
        guard reader.remaining == 0 else { throw Mismatch(description: "\(reader.remaining) bytes too many") }
        return errors
    }

    private func read(_ fields: [Field], _ version: Int16, _ reader: inout WireReader, _ errors: inout [Int16]) throws {
        let flexible = version >= firstFlexible
        for field in fields where field.versions.contains(version) {
            if field.type.hasPrefix("[") {
                guard let count = try reader.nullableCount(compact: flexible) else {
                    guard field.isNullable else { throw Mismatch(description: "\(field.name) is null") }
                    continue
                }
                for _ in 0..<count {
                    if field.fields.isEmpty {
                        _ = try read(scalar: String(field.type.dropFirst().dropLast()), field, flexible, &reader)
                    } else {
                        try read(field.fields, version, &reader, &errors)
                    }
                }
            } else {
                let number = try read(scalar: field.type, field, flexible, &reader)
                if field.name == "ErrorCode" { errors.append(Int16(number)) }
            }
        }
        if flexible { try reader.tags() }
    }

    private func read(scalar type: String, _ field: Field, _ flexible: Bool, _ reader: inout WireReader) throws -> Int64 {
        switch type {
        case "bool", "int8": return Int64(try reader.int8())
        case "int16": return Int64(try reader.int16())
        case "int32": return Int64(try reader.int32())
        case "int64": return try reader.int64()
        case "string":
            let text = flexible ? try reader.compactNullableString() : try reader.nullableString()
            if text == nil, !field.isNullable { throw Mismatch(description: "\(field.name) is null") }
        default: _ = try reader.nullableBytes()
        }
        return 0
    }
}
