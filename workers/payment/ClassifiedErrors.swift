public import BookingEngine
public import Domain
public import PaymentGateway
public import WorkerRuntime

extension EngineError: ClassifiedError {
    /// As the engine says.
    public var failure: Failure {
        // Both name the same four dispositions.
        Failure(Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: label, message: message)
    }

    public var site: String? { "\(file):\(line)" }
}

extension GatewayError: ClassifiedError {
    /// As the gateway's client says; a time-out is tried again, and then its outcome is read.
    public var failure: Failure {
        Failure(Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: "gateway_\(code.rawValue)", message: description)
    }

    public var site: String? { "\(file):\(line)" }
}

extension IllegalSagaTransition: ClassifiedError {
    /// A fault of ours: a person has to look.
    public var failure: Failure { Failure(.deadLetter, label: "illegal_transition", message: description) }
}
