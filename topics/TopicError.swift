public import KafkaClient

/// Why the declarations cannot be read or applied.
public struct TopicError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: String, Sendable {
        /// `topics.yaml` is malformed, or does not match the code.
        case invalidDeclaration
        /// The cluster has what a declaration does not allow, such as more partitions.
        case conflict
        /// No such topic.
        case unknownTopic
        /// Kafka refused or did not answer.
        case kafka
    }

    /// What failed, for code.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// What went wrong, for people.
    public let message: String
    /// Kafka's error, where there is one.
    public let underlying: KafkaError?
    /// Where the error was made, as `module/file:line`.
    public let location: String

    init(_ code: Code, operation: String, message: String, underlying: KafkaError? = nil, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.location = "\(file):\(line)"
    }

    init(_ error: KafkaError, operation: String, file: String = #fileID, line: Int = #line) {
        self.init(.kafka, operation: operation, message: error.message, underlying: error, file: file, line: line)
    }

    /// A short form of bounded variety, for metric labels.
    public var label: String { underlying?.label ?? "topics_\(code.rawValue)" }

    public var description: String { "\(operation): \(message)\(underlying.map { " (\($0))" } ?? "") at \(location)" }
}
