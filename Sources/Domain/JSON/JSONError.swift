/// Bytes that are not the JSON that was asked for.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    /// The member names that lead to the fault, outermost first; empty for the document itself.
    public let path: [String]
    /// What is wrong, to be read after the field's name: `must be a string`.
    public let reason: String

    public init(path: [String], reason: String) {
        self.path = path
        self.reason = reason
    }

    /// The same fault seen from the object that holds `key`.
    public func inside(_ key: String) -> JSONError { JSONError(path: [key] + path, reason: reason) }

    /// The path with dots, or `body`.
    public var field: String { path.isEmpty ? "body" : path.joined(separator: ".") }

    public var description: String { "\(field) \(reason)" }
}
