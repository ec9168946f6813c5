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
    /// Where it was made, as `module/file:line`, or what stands for that; for the DLQ's groups, so of bounded variety.
    public let site: String
    /// Whether it says nothing about other messages, as when one recipient cannot be reached: many such failures are no outage.
    public let isIsolated: Bool

    /// Makes a failure, as a handler that knows what to do throws it.
    public init(
        _ disposition: Disposition, label: String, message: String, isIsolated: Bool = false, file: String = #fileID, line: Int = #line
    ) {
        self.init(disposition, label: label, message: message, isIsolated: isIsolated, site: "\(file):\(line)")
    }

    /// Makes a failure that says itself where it was made.
    public init(_ disposition: Disposition, label: String, message: String, isIsolated: Bool = false, site: String) {
        self.disposition = disposition
        self.label = label
        self.message = message
        self.isIsolated = isIsolated
        self.site = site
    }

    /// The same failure with another word about what to do.
    func with(_ disposition: Disposition) -> Failure {
        Failure(disposition, label: label, message: message, isIsolated: isIsolated, site: site)
    }

    public var description: String { "\(disposition.rawValue) (\(label)): \(message)" }
}

/// An error that says itself what a worker should do about it.
public protocol ClassifiedError: Error {
    /// The error as a worker sees it.
    var failure: Failure { get }
    /// Where it was made, as `module/file:line`. The default is nil: where ``failure`` makes it.
    var site: String? { get }
}

extension ClassifiedError {
    public var site: String? { nil }
}

extension Failure {
    /// Classifies what a handler threw. This is the one place that does, except for errors that are ``ClassifiedError``.
    public init(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as any ClassifiedError:
            let failure = error.failure
            self.init(
                failure.disposition, label: failure.label, message: failure.message, isIsolated: failure.isIsolated, site: error.site ?? failure.site)
        case let error as KafkaError:
            self.init(Disposition(error.disposition), label: error.label, message: "\(error)", site: error.location)
        case let error as RedisError:
            self.init(Disposition(error.disposition), label: error.label, message: "\(error)", site: "\(error.file):\(error.line)")
        case let error as PostgresError:
            // The handler's own error inside a transaction knows better than the wrapper around it.
            if error.code == .jobFailed, let cause = error.underlying {
                self.init(cause)
            } else {
                self.init(Disposition(error.disposition), label: error.label, message: "\(error)", site: Self.site(error))
            }
        case let error as JSONError:
            // The same bytes read the same again.
            self.init(.deadLetter, label: "undecodable", message: "\(error)", site: Self.site(error))
        case is CancellationError: self.init(.outage, label: "cancelled", message: "the task was cancelled")  // the message is not to blame
        default:
            // Unknown: bounded attempts, then a person looks at it.
            self.init(.retry, label: "other", message: "\(type(of: error))", site: "\(type(of: error))")
        }
    }

    /// The server's refusals are all made in one place of the client: what they are about tells them apart.
    private static func site(_ error: PostgresError) -> String {
        guard let about = error.constraint ?? error.column ?? error.table else { return "\(error.file):\(error.line)" }
        return "postgres/\(about)"
    }

    /// The field; names that only a broken message has are all one.
    private static func site(_ error: JSONError) -> String {
        let names = error.path.map { name in
            let isPlain =
                name.utf8.count <= 40 && name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            return isPlain ? name : "?"
        }
        return "json/" + (names.isEmpty ? "document" : names.prefix(4).joined(separator: "."))
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
