import KafkaClient
import PostgresClient

/// Why a replay could not be planned, begun or brought to its end.
public struct ReplayError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    public enum Code: String, Sendable, CaseIterable {
        /// The request contradicts itself, or what it names does not exist.
        case invalidRequest = "invalid_request"
        /// The group has members; its offsets are theirs.
        case activeMembers = "active_members"
        /// Rows of the tables in use would vanish or change, and that was not agreed to.
        case differences
        /// There is no such replay.
        case notFound = "not_found"
        /// Somebody else works at it.
        case busy
        /// It was stopped; what is done is written down, and it can be resumed.
        case interrupted
        /// The tables cannot be exchanged: something hangs on them that this does not know, or their shape changed meanwhile.
        case shape
        case kafka
        case postgres
        /// The audit could not be written, so nothing was done.
        case audit
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
    /// What the tables differed in, with ``Code/differences``.
    public let comparisons: [TableComparison]
    /// Where the error was made, as `module/file:line`.
    public let location: String

    public init(
        _ code: Code, _ operation: String, _ message: String, underlying: (any Error)? = nil, comparisons: [TableComparison] = [],
        file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.comparisons = comparisons
        location = "\(file):\(line)"
    }

    /// Any error as one of these.
    init(_ error: any Error, _ operation: String, file: String = #fileID, line: Int = #line) {
        switch error {
        case let error as ReplayError: self = error
        case let error as KafkaError where error.code == .cancelled:
            self.init(.interrupted, operation, "it was stopped", file: file, line: line)
        case let error as KafkaError: self.init(.kafka, operation, "\(error)", underlying: error, file: file, line: line)
        case let error as PostgresError:
            // A job's own error was wrapped on its way through the client.
            if let own = error.underlying as? ReplayError {
                self = own
            } else if error.code == .cancelled {
                self.init(.interrupted, operation, "it was stopped", file: file, line: line)
            } else {
                self.init(.postgres, operation, "\(error)", underlying: error, file: file, line: line)
            }
        case is CancellationError: self.init(.interrupted, operation, "it was stopped", file: file, line: line)
        default: self.init(.other, operation, "\(error)", underlying: error, file: file, line: line)
        }
    }

    /// What to do about it. This is the only place that decides it.
    public var disposition: Disposition {
        switch code {
        case .invalidRequest: .deadLetter  // the same request stays wrong
        case .activeMembers: .deadLetter  // a person has to stop them
        case .differences: .deadLetter  // a person has to agree
        case .notFound: .deadLetter  // it will not come
        case .shape: .deadLetter  // a person has to look at the tables
        case .busy: .retry  // the lease ends
        case .interrupted: .outage  // whoever stopped it goes on with it
        case .audit: .outage  // the broker is away
        case .kafka: (underlying as? KafkaError).flatMap { Disposition($0.disposition) } ?? .retry  // as the client says
        case .postgres: (underlying as? PostgresError).flatMap { Disposition(rawValue: $0.disposition.rawValue) } ?? .retry  // as the client says
        case .other: .retry  // unknown: bounded attempts, then a person looks at it
        }
    }

    /// A short form of bounded variety, for metric labels.
    public var label: String { "replay_\(code.rawValue)" }

    public var description: String { "replay: \(operation): \(message)" }
}

extension ReplayError.Disposition {
    fileprivate init?(_ disposition: KafkaError.Disposition) {
        switch disposition {
        case .retry: self = .retry
        case .deadLetter: self = .deadLetter
        case .outage: self = .outage
        case .fatal: self = .fatal
        }
    }
}
