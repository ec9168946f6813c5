public import BookingEngine
public import WorkerRuntime

extension EngineError: ClassifiedError {
    /// Redis' own word where it has one; a reply nobody knows is tried again, since a newer build may have written it.
    public var failure: Failure {
        switch code {
        case .redis: underlying.map { Failure($0) } ?? Failure(.retry, label: "redis_script", message: message)
        case .unexpectedReply: Failure(.retry, label: "unexpected_reply", message: message)
        case .stateMissing: Failure(.outage, label: "state_missing", message: message)
        }
    }
}
