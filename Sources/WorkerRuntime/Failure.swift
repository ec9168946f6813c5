import Domain
import KafkaClient
import PostgresClient
import RedisClient

/// A failure as a worker sees it: what to do, and what to say about it.
public struct Failure: Error, Sendable, CustomStringConvertible {
    /// What to do about a failure.
    public enum Disposition: String, Sendable {
        /// Try again, a limited number of times.
        case retry
        /// Give the message up at once; it can never succeed.
        case deadLetter = "dead_letter"
        /// Pause and wait; no message is to blame.
        case outage
        /// Stop the worker.
        case fatal
    }

    /// What to do.
    public let disposition: Disposition
    /// A class of bounded variety, for metric labels and the DLQ's groups.
    public let label: String
    /// For people; no personal data.
    public let message: String

    /// Makes a failure, as a handler that knows what to do throws it.
    public init(_ disposition: Disposition, label: String, message: String) {
        self.disposition = disposition
        self.label = label
        self.message = message
    }

    public var description: String { "\(disposition.rawValue) (\(label)): \(message)" }
}

/// An error that says itself what a worker should do about it.
public protocol ClassifiedError: Error {
    /// The error as a worker sees it.
    var failure: Failure { get }
}

extension Failure {
    /// Classifies what a handler threw. This is the one place that does, except for errors that are ``ClassifiedError``.
    public init(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as any ClassifiedError: self = error.failure
        case let error as KafkaError: self.init(Disposition(error.disposition), label: error.label, message: "\(error)")
        case let error as RedisError: self.init(Disposition(error.disposition), label: error.label, message: "\(error)")
        case let error as PostgresError:
            // The handler's own error inside a transaction knows better than the wrapper around it.
            if error.code == .jobFailed, let cause = error.underlying {
                self.init(cause)
            } else {
                self.init(Disposition(error.disposition), label: error.label, message: "\(error)")
            }
        case let error as JSONError: self.init(.deadLetter, label: "undecodable", message: "\(error)")  // the same bytes read the same again
        case is CancellationError: self.init(.outage, label: "cancelled", message: "the task was cancelled")  // the message is not to blame
        default: self.init(.retry, label: "other", message: "\(type(of: error))")  // unknown: bounded attempts, then a person looks at it
        }
    }
}

/// The clients' dispositions: each its own type, as each client stands alone, with the same four cases.
private protocol ClientDisposition: Equatable {
    static var retry: Self { get }
    static var deadLetter: Self { get }
    static var outage: Self { get }
    static var fatal: Self { get }
}

extension KafkaError.Disposition: ClientDisposition {}
extension RedisError.Disposition: ClientDisposition {}
extension PostgresError.Disposition: ClientDisposition {}

extension Failure.Disposition {
    fileprivate init(_ disposition: some ClientDisposition) {
        self =
            switch disposition {
            case .retry: .retry
            case .deadLetter: .deadLetter
            case .outage: .outage
            default: .fatal
            }
    }
}
