import Foundation

extension DeadLetterDesk {
    /// A value as JSON, for the audit.
    static func json(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Plain values of ours always encode.
        return (try? encoder.encode(value)).map { Array($0) } ?? Array("{}".utf8)
    }

    static func newID() -> String { UUID().uuidString.lowercased() }
}
