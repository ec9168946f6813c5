import Foundation

/// A whole HTTP answer.
public struct HTTPAnswer: Sendable {
    /// The status code.
    public let status: Int
    /// In the order in which they came.
    public let headers: [(name: String, value: String)]
    /// The body, with a chunked transfer undone.
    public let body: [UInt8]

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The first header of that name, in whatever case; nil when absent.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.caseInsensitiveCompare(name) == .orderedSame }?.value
    }

    /// The body as a JSON value, to look into: `answer.json["data"]["booking_id"].string`. `.null` when it is not JSON.
    public var json: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(body))) ?? .null }

    /// The body decoded, with snake_case keys turned into camelCase.
    /// - Throws: `DecodingError`.
    public func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(body))
    }
}
