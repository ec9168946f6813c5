public import BookingEngine
public import DeadLetters
public import Replays
public import WorkerRuntime

extension EngineError: ClassifiedError {
    /// As the engine says.
    public var failure: Failure {
        // Both name the same four dispositions.
        Failure(Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: label, message: message)
    }

    public var site: String? { "\(file):\(line)" }
}

extension ReplayError: ClassifiedError {
    /// As the tool says; its words are for people.
    public var failure: Failure {
        Failure(Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: label, message: message)
    }

    public var site: String? { location }
}

extension DeadLettersError: ClassifiedError {
    /// As the tool says; its words are for people.
    public var failure: Failure {
        Failure(Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: label, message: message)
    }
}
