/// What a command worker does: handles one message at a time, several keys at once.
///
/// First deliveries come in order per key, unless ``WorkerConfiguration/ordersByKey`` is false. A message may come again after a crash, a rebalance or a failure, so the handler reads the state anew on
/// each attempt and is right when it was done before.
public protocol MessageHandler: Sendable {
    /// Handles one message.
    /// - Throws: instead of returning an outcome; by its ``Failure`` it becomes one.
    func handle(_ delivery: Delivery) async throws -> MessageOutcome

    /// Ends what given up messages began, such as an operation that somebody waits for. They are in the DLQ; their offsets are not committed yet.
    ///
    /// It may come again for the same messages. The default does nothing.
    /// - Throws: by its ``Failure`` it is waited for, or tried again a limited number of times and then left out.
    func gaveUp(_ messages: [GivenUpMessage]) async throws
}

extension MessageHandler {
    public func gaveUp(_ messages: [GivenUpMessage]) async throws {}
}

/// How a message ended, or should go on.
public enum MessageOutcome: Sendable {
    /// Its effects are there, and these messages follow from them: they are acknowledged before its offset is committed. After a crash in between the
    /// message comes again; an ``Inbox`` remembers what follows.
    case done([OutgoingMessage] = [])
    /// It asks for nothing that is to be done.
    case skip
    /// Try again, after this pause (at most ``WorkerConfiguration/longestRetryDelay``) or the configured one, as long as there are attempts left.
    case retry(after: Duration? = nil, Failure)
    /// It can never succeed.
    case deadLetter(Failure)
    /// Something that it needs is away: pause the worker, blame no message.
    case outage(Failure)

    /// The outcome that a thrown error means; nil when the worker must stop.
    init?(_ failure: Failure) {
        switch failure.disposition {
        case .retry: self = .retry(after: nil, failure)
        case .deadLetter: self = .deadLetter(failure)
        case .outage: self = .outage(failure)
        case .fatal: return nil
        }
    }
}
