import Domain

/// What PostgreSQL would hold; a write counts only when the row is as the writer read it.
struct LifecycleStore {
    /// A payment and its saga.
    struct Saga {
        var payment: Payment
        var state: SagaState = .created
        var revision = 0
    }

    struct Refund {
        let id: RefundID
        let payment: PaymentID
        let booking: BookingID
        var cause: RefundCause
        var amount: Int64
        var status: RefundStatus
        var revision = 0
    }

    private(set) var sagas: [PaymentID: Saga] = [:]
    /// In the order of their making.
    private(set) var payments: [PaymentID] = []
    private(set) var refunds: [Refund] = []

    mutating func add(_ payment: Payment) {
        if sagas[payment.id] != nil { return }
        sagas[payment.id] = Saga(payment: payment)
        payments.append(payment.id)
    }

    /// - Returns: nil when somebody else was faster.
    mutating func commit(_ read: Saga, _ event: SagaEvent, _ payment: Payment) throws -> Saga? {
        guard let saga = sagas[payment.id], saga.revision == read.revision else { return nil }
        let next = Saga(payment: payment, state: try saga.state.after(event), revision: saga.revision + 1)
        sagas[payment.id] = next
        return next
    }

    mutating func put(_ payment: Payment) {
        sagas[payment.id]?.payment = payment
        sagas[payment.id]?.revision += 1
    }

    /// One at a time that is not rejected or failed.
    func liveRefund(of payment: PaymentID) -> Int? {
        refunds.firstIndex { $0.payment == payment && $0.status != .rejected && $0.status != .failed }
    }

    mutating func add(_ refund: Refund) throws {
        if liveRefund(of: refund.payment) != nil { throw LifecycleFailure("a second refund of a payment") }
        refunds.append(refund)
    }

    /// - Returns: nil when somebody else was faster.
    mutating func commit(_ read: Refund, _ status: RefundStatus) throws -> Refund? {
        guard let index = refunds.firstIndex(where: { $0.id == read.id }), refunds[index].revision == read.revision else { return nil }
        guard status.predecessors.contains(refunds[index].status) else { throw LifecycleFailure("\(refunds[index].status) became \(status)") }
        refunds[index].status = status
        refunds[index].revision += 1
        return refunds[index]
    }
}

/// Something that must not be.
struct LifecycleFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
