import Domain
import KafkaClient
import PostgresClient

/// Why dead letters could not be read, redriven, put aside, or taken in.
public struct DeadLettersError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    public enum Code: String, Sendable, CaseIterable {
        /// The request contradicts itself, or what it names does not exist.
        case invalidRequest = "invalid_request"
        /// There is no such dead letter.
        case notFound = "not_found"
        /// A line to take in is not one that was exported.
        case undecodable
        /// It was stopped; what is done is written down, and the same job goes on with the rest.
        case interrupted
        case kafka
        case postgres
        case other
    }

    /// What should be done about it.
    public enum Disposition: String, Sendable {
        case retry
        case deadLetter = "dead_letter"
        case outage
        case fatal
    }

    public let code: Code
    /// What was tried.
    public let operation: String
    /// What went wrong, for people.
    public let message: String
    /// The lower error, where there is one.
    public let underlying: (any Error)?
    /// Where the error was made, as `module/file:line`.
    public let location: String

    public init(
        _ code: Code, _ operation: String, _ message: String, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        location = "\(file):\(line)"
    }

    /// Any error as one of these.
    init(_ error: any Error, _ operation: String, file: String = #fileID, line: Int = #line) {
        switch error {
        case let error as DeadLettersError: self = error
        case is CancellationError: self.init(.interrupted, operation, "it was stopped", file: file, line: line)
        case let error as KafkaError:
            let code: Code = error.code == .cancelled ? .interrupted : .kafka
            self.init(code, operation, "\(error)", underlying: error, file: file, line: line)
        case let error as PostgresError:
            // A job's own error was wrapped on its way through the client.
            if let own = error.underlying as? DeadLettersError { self = own; return }
            let code: Code = error.code == .cancelled ? .interrupted : .postgres
            self.init(code, operation, "\(error)", underlying: error, file: file, line: line)
        default: self.init(.other, operation, "\(error)", underlying: error, file: file, line: line)
        }
    }

    /// What to do about it. This is the only place that decides it.
    public var disposition: Disposition {
        switch code {
        case .invalidRequest: .deadLetter  // the same request stays wrong
        case .notFound: .deadLetter  // it will not come
        case .undecodable: .deadLetter  // the same bytes read the same again
        case .interrupted: .outage  // whoever stopped it goes on with it
        // The brokers are away, or the record is one that they never take.
        case .kafka: (underlying as? KafkaError).map { $0.disposition == .deadLetter ? .deadLetter : .outage } ?? .retry
        case .postgres: (underlying as? PostgresError).flatMap { Disposition(rawValue: $0.disposition.rawValue) } ?? .retry  // as the client says
        case .other: .retry  // unknown: bounded attempts, then a person looks at it
        }
    }

    /// A short form of bounded variety, for metric labels.
    public var label: String { "dead_letters_\(code.rawValue)" }

    public var description: String { "\(operation): \(message)" }
}
