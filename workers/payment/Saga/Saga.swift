import Domain

/// A payment's saga, as its rows in `payments` and `saga_instances` say.
struct Saga: Equatable, Sendable {
    var payment: Payment
    var state: SagaState
    /// The gateway's id of the intent, once it is committed; none where nothing is to be paid.
    var intent: String? {
        get { payment.intent }
        set { payment.intent = newValue }
    }
    /// Minor units that the gateway took: nothing, or all.
    var capturedMinor: Int64 {
        get { payment.capturedMinor }
        set { payment.capturedMinor = newValue }
    }
    /// The operation that waits for the end; none when the booking was reserved and charged in one request.
    var operation: OperationID? { payment.operation }
    /// When it is called off.
    let deadline: Timestamp
    /// How often the clock looked at it.
    var wakes: Int64 = 0
    /// W3C traceparent of the request behind it, or empty.
    let trace: String

    /// The saga of a payment that has just begun.
    init(_ command: ChargeCommand, trace: String) {
        payment = command.payment
        payment.operation = command.operation
        state = .created
        deadline = Timestamp(ms: payment.createdAt.ms + payment.method.limitMs)
        self.trace = trace
    }

    init(
        payment: Payment, state: SagaState, intent: String?, capturedMinor: Int64, operation: OperationID?, deadline: Timestamp, wakes: Int64,
        trace: String
    ) {
        self.payment = payment
        self.state = state
        self.deadline = deadline
        self.wakes = wakes
        self.trace = trace
        self.payment.operation = operation
        self.intent = intent
        self.capturedMinor = capturedMinor
    }

    /// The saga after something happened.
    /// - Throws: ``IllegalSagaTransition``
    func after(_ event: SagaEvent, payment: Payment? = nil) throws(IllegalSagaTransition) -> Saga {
        var next = self
        next.state = try state.after(event)
        next.payment = payment ?? self.payment
        return next
    }
}

/// A transition to be written: it counts only where the rows still are what was read.
struct SagaStep: Sendable {
    let from: Saga
    let to: Saga
    /// What is written with the last transition.
    let ending: Ending?
}

/// What goes with the last transaction that a message causes: the end of its operation and what follows from it.
struct Ending: Sendable {
    /// The message's id, for the inbox.
    let message: String
    let tenant: TenantID
    let operation: Operation?
    /// To be sent once this is committed, and again by whoever finds it.
    let derived: [Derived]
}
