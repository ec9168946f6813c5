internal import CRdkafka

/// Why a Kafka operation failed. Compare codes; read the disposition to know what to do.
public struct KafkaError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    public enum Code: String, Sendable, CaseIterable {
        /// No broker is connected, or the connection was lost.
        case unreachable
        /// No answer in time; a record may or may not have been written.
        case timeout
        /// The producer's queue is at its limit.
        case queueFull
        /// The producer was replaced after a fatal error, or purged; a record may or may not have been written.
        case reset
        /// The broker is up but not able to serve this now (leader moves, coordinator loads).
        case notReady
        /// The topic or partition does not exist.
        case unknownTopic
        /// The topic exists already.
        case topicExists
        /// The record is larger than the broker or the client accepts.
        case tooLarge
        /// The record or request is malformed.
        case invalidRecord
        /// A setting is unknown or has a wrong value.
        case invalidConfiguration
        /// An argument is out of range, or the call does not fit the object's state.
        case invalidArgument
        /// The partition belongs to another member of the group by now.
        case partitionLost
        /// The group is being rebalanced, or this member is no longer part of it.
        case rebalanced
        /// Another consumer has taken this one's place, as it has the same instance id.
        case fenced
        /// Not allowed by the broker.
        case unauthorized
        /// Bytes from the broker do not match their checksum.
        case corrupt
        /// The broker does not support this.
        case unsupported
        /// The object was shut down.
        case closed
        /// The waiting task was cancelled.
        case cancelled
        /// librdkafka declared this client dead.
        case fatal
        /// The operating system refused a thread or memory.
        case resources
        /// Anything else.
        case other
    }

    /// What failed, for code.
    public let code: Code
    /// The operation that failed: "produce", "commit", …
    public let operation: String
    /// What went wrong, for people; no personal data and no record contents.
    public let message: String
    /// librdkafka's own error name, where it came from there ("_MSG_TIMED_OUT").
    public let underlying: String?
    /// Where the error was made, as `module/file:line`.
    public let location: String

    /// Makes an error; `underlying` names a lower error, if any.
    public init(
        _ code: Code, operation: String, message: String, underlying: String? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.location = "\(file):\(line)"
    }

    /// A short form of bounded variety, for metric labels.
    public var label: String { "kafka_\(code.rawValue)" }

    public var description: String {
        let cause = underlying.map { " (\($0))" } ?? ""
        return "Kafka \(operation): \(code.rawValue): \(message)\(cause) at \(location)"
    }
}

extension KafkaError {
    /// Makes an error from librdkafka's code; `detail` replaces its text.
    init(
        _ response: rd_kafka_resp_err_t, operation: String, detail: String? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.init(
            Code(response), operation: operation, message: detail ?? String(cString: rd_kafka_err2str(response)),
            underlying: String(cString: rd_kafka_err2name(response)), file: file, line: line)
    }

    /// Takes over an error object of librdkafka and destroys it.
    init(consuming error: OpaquePointer, operation: String, file: String = #fileID, line: Int = #line) {
        let response = rd_kafka_error_code(error)
        let detail = String(cString: rd_kafka_error_string(error))
        rd_kafka_error_destroy(error)
        self.init(response, operation: operation, detail: detail, file: file, line: line)
    }
}
