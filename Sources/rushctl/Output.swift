import Foundation

/// Prints for people and for scripts.
enum Output {
    static func json(_ value: some Encodable) throws {
        print(String(decoding: try encode(value), as: UTF8.self))
    }

    static func encode(_ value: some Encodable, pretty: Bool = true) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return try encoder.encode(value)
    }

    /// A line of progress, on standard error so that standard output stays the result.
    static func progress(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
