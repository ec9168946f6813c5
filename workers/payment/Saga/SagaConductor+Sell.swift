import BookingEngine
import Domain
import WorkerRuntime

extension SagaConductor {
    /// paid: sells the seats to the payment; where the hold has ended, the money has to go back.
    func sell(_ saga: Saga) async throws -> Saga? {
        let sold = saga.payment.stepped(to: .success, at: now())
        let outcome = try await engine.confirm([.init(payment: sold, trace: saga.trace)])[0].get()
        try checkpoint("after the seats were sold")
        switch outcome {
        case .confirmed(let entry):
            publish([entry])
            return try saga.after(.seatsSold, payment: sold)
        case .confirmedBefore: return try saga.after(.seatsSold, payment: sold)
        case .ended, .otherPayment(.some): return try saga.after(.holdEnded)
        case .otherPayment(nil):
            // A hold that knows of no payment is older than this one: state that must be there is not.
            throw Failure(.retry, label: "state_missing", message: "the hold does not know of its payment")
        case .missing:
            _ = try await reportedEnd(of: saga.payment.booking)
            return try saga.after(.holdEnded)
        }
    }

    /// compensating: gives the money back.
    func giveBack(_ saga: Saga) async throws -> Saga? {
        if saga.capturedMinor > 0, let intent = saga.intent {
            let key = "\(saga.payment.id)-late"
            switch try await MoneyBack(gateway: gateway).give(
                saga.capturedMinor, of: intent, key: key, payment: saga.payment.id, booking: saga.payment.booking)
            {
            case .given: break
            case .underWay: return nil
            case .refused(let attempts):
                metrics.refusedRefunds.increment()
                logger.error("the gateway refused to give late money back", metadata: log(saga, error: "attempt \(attempts)"))
                return nil
            }
            try checkpoint("after the money was given back")
        }
        return try await end(saga, .givenBack, .paidTooLate)
    }
}
