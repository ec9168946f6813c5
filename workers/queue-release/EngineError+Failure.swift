public import BookingEngine
public import WorkerRuntime

extension EngineError: ClassifiedError {
    public var failure: Failure {
        // Both name the same four dispositions.
        Failure(Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: label, message: message)
    }

    public var site: String? { "\(file):\(line)" }
}
