import BookingEngine
import Domain

/// Whether there is more to do at once.
enum Progress {
    case goesOn, rests
}

/// One handler of the payment worker, which makes one call at a time, so that it can die, or another run, between any two.
final class SagaActor {
    /// What this handler knows beside the stored row.
    private enum Memory {
        case nothing, live, made
        case gateway(LifecycleLedger.State)
        case ending(PaymentStatus, SagaEvent)
        /// Ended in Redis before, by somebody who may have said it otherwise.
        case ended(PaymentStatus, SagaEvent, mayDiffer: Bool)
        case declinedTooOften(SagaEvent)
        case sold, noSeat
    }

    let id: PaymentID
    private var row: LifecycleStore.Saga?
    private var memory = Memory.nothing

    init(_ id: PaymentID) {
        self.id = id
    }

    func step(_ world: LifecycleWorld) async throws -> Progress {
        guard let row else {
            self.row = world.store.sagas[id]
            return .goesOn
        }
        let payment = row.payment
        switch (row.state, memory) {
        case (_, .ending(let status, let event)): return try await end(world, row, status, event)
        case (_, .declinedTooOften(let event)):
            _ = try await world.release(payment.booking, .cancelled, by: "\(id)", reason: .paymentFailed)
            memory = .ended(.failed, event, mayDiffer: false)
        case (_, .ended(var status, var event, let mayDiffer)):
            // The first word stands, and the payment's record has it, whatever the booking's payment is by now.
            if mayDiffer, event != .givenBack, let said = try await world.engine.payment(id)?.payment.status {
                if said == .failed, status == .timeout { (status, event) = (.failed, .declined) }
                if said == .timeout, status == .failed { (status, event) = (.timeout, .calledOff) }
            }
            return try await commit(world, row, event, payment.stepped(to: status, refundedMinor: refunded(event, payment), at: .now))

        case (.created, .nothing):
            let booking = try await world.engine.booking(payment.booking)
            let isLive = booking?.status == .reserved && booking?.payment == id && booking?.paymentState == .open
            memory = world.overdue.contains(id) ? .ending(.timeout, .calledOff) : isLive ? .live : .ending(.failed, .holdEnded)
        case (.created, .live):
            let isTaken = payment.amountMinor == 0 || world.ledger.create(id, amount: payment.amountMinor, fate: world.fates[id] ?? .succeeds)
            memory = isTaken ? .made : .ending(.failed, .declined)
        case (.created, _): return try await commit(world, row, .intentMade, payment.stepped(to: .processing, at: .now))

        case (.reserved, .gateway(.succeeded)): return try await commit(world, row, .captured, payment)
        case (.reserved, .gateway(.declined)): if let state = world.ledger.cancel(id) { memory = .gateway(state) }
        case (.reserved, .gateway(.cancelled(let afterDecline))):
            memory = afterDecline ? .ending(.failed, .declined) : .ending(.timeout, .calledOff)
        case (.reserved, .gateway):
            guard world.overdue.contains(id) else { return .rests }
            if let state = world.ledger.cancel(id) { memory = .gateway(state) }
        case (.reserved, _): memory = .gateway(payment.amountMinor == 0 ? .succeeded : world.ledger.confirm(id) ?? .unconfirmed)

        case (.paid, .sold): return try await commit(world, row, .seatsSold, payment.stepped(to: .success, at: .now))
        case (.paid, .noSeat): return try await commit(world, row, .holdEnded, payment)
        case (.paid, _):
            switch try await world.confirm(payment.stepped(to: .success, at: .now)) {
            case .confirmed, .confirmedBefore: memory = .sold
            case .ended, .otherPayment: memory = .noSeat
            case .missing: throw LifecycleFailure("a hold vanished")
            }

        case (.compensating, _):
            if payment.amountMinor > 0 { world.ledger.refund(id, key: "\(id)-late", amount: payment.amountMinor) }
            memory = .ending(.refunded, .givenBack)
        case (.confirmed, _), (.failed, _):
            try await world.engine.put([payment])
            return .rests
        }
        return .goesOn
    }

    /// Redis first, the last transaction after it: a crash between the two is made good by whoever comes next.
    private func end(_ world: LifecycleWorld, _ row: LifecycleStore.Saga, _ status: PaymentStatus, _ event: SagaEvent) async throws -> Progress {
        let payment = row.payment.stepped(to: status, refundedMinor: refunded(event, row.payment), at: .now)
        switch try await world.end(payment, event == .givenBack ? .paidTooLate : nil) {
        case .ended(_, 3, .reserved), .endedBefore(3, .reserved): memory = .declinedTooOften(event)
        case .ended: memory = .ended(status, event, mayDiffer: false)
        case .endedBefore, .otherPayment: memory = .ended(status, event, mayDiffer: true)
        case .missing: throw LifecycleFailure("a hold vanished")
        }
        return .goesOn
    }

    private func commit(
        _ world: LifecycleWorld, _ row: LifecycleStore.Saga, _ event: SagaEvent, _ payment: Payment
    ) async throws -> Progress {
        world.note("\(world.name(payment.booking)), \(row.state.rawValue): \(event.rawValue)")
        guard let next = try world.store.commit(row, event, payment) else {
            world.met["saga: somebody was faster", default: 0] += 1
            return .rests
        }
        world.met["saga \(row.state.rawValue): \(event.rawValue)", default: 0] += 1
        self.row = next
        memory = .nothing
        return .goesOn
    }

    private func refunded(_ event: SagaEvent, _ payment: Payment) -> Int64 { event == .givenBack ? payment.amountMinor : 0 }
}

/// One handler of a refund.
final class RefundActor {
    let id: RefundID
    private var row: LifecycleStore.Refund?
    private var isGivenBack = false
    private var isReleased = false

    init(_ id: RefundID) {
        self.id = id
    }

    func step(_ world: LifecycleWorld) async throws -> Progress {
        guard let row else {
            self.row = world.store.refunds.first { $0.id == id }
            return .goesOn
        }
        switch row.status {
        case .requested: self.row = try world.store.commit(row, world.chance(4) ? .rejected : .processing)
        case .processing where !isGivenBack:
            if row.cause == .requested, row.amount > 0, world.ledger.intents[row.payment]?.refunded == 0, world.chance(8) {
                // The gateway refuses, and is not asked again.
                self.row = try world.store.commit(row, .failed)
            } else {
                // Nobody else may have ended it meanwhile.
                guard world.store.refunds.first(where: { $0.id == id })?.revision == row.revision else { return .rests }
                world.ledger.refund(row.payment, key: "\(id)", amount: row.amount)
                isGivenBack = true
            }
        case .processing where !isReleased:
            let outcome = try await world.release(row.booking, .refunded, by: "\(id)", reason: row.cause == .eventCancelled ? .eventCancelled : nil)
            switch outcome {
            case .released, .releasedBefore: isReleased = true
            default: throw LifecycleFailure("a refund met \(outcome)")
            }
        case .processing:
            self.row = try world.store.commit(row, .succeeded)
            world.met["refund \(row.cause.rawValue): succeeded", default: 0] += 1
            if self.row != nil, row.amount > 0, let payment = world.store.sagas[row.payment]?.payment {
                let status: PaymentStatus = row.amount == payment.amountMinor ? .refunded : .partiallyRefunded
                world.store.put(payment.stepped(to: status, refundedMinor: row.amount, at: .now))
            }
        case .succeeded, .rejected, .failed:
            if let payment = world.store.sagas[row.payment]?.payment { try await world.engine.put([payment]) }
            return .rests
        }
        return self.row == nil ? .rests : .goesOn
    }
}

/// One accepted cancel, which may be delivered any number of times.
final class CancelActor {
    let command: CancelCommand
    private(set) var isDone = false

    init(_ command: CancelCommand) {
        self.command = command
    }

    func step(_ world: LifecycleWorld) async throws {
        let outcome = try await world.release(command.booking, .cancelled, by: "\(command.operation)")
        if case .notDue = outcome { throw LifecycleFailure("a cancel was not due") }
        // A payment that began after the cancel was accepted goes first; the operation fails.
        isDone = true
    }
}

/// The refund of every booking of a cancelled event, one call at a time.
final class EventCancelActor {
    let event: Int
    let operation: String
    private var next = 0
    private(set) var isDone = false

    init(_ event: Int, operation: String) {
        self.event = event
        self.operation = operation
    }

    func restart() {
        next = 0
        isDone = false
    }

    func step(_ world: LifecycleWorld) async throws {
        guard next < world.model.order.count else {
            isDone = true
            return
        }
        let booking = world.model.order[next]
        guard let hold = world.model.holds[booking], world.model.zones[hold.zone].event == event else {
            next += 1
            return
        }
        switch try await world.engine.booking(booking)?.status {
        case .reserved:
            let outcome = try await world.release(booking, .cancelled, by: operation, reason: .eventCancelled)
            if case .wrongState = outcome { return }
        case .confirmed:
            // A refund goes by the payment's end, so the saga comes first.
            guard let payment = hold.payment, let saga = world.store.sagas[payment], saga.state == .confirmed else { return }
            if let index = world.store.liveRefund(of: payment) {
                // One that waits for the organiser is overtaken; one that is on its way may still fail, so its end is waited for.
                let live = world.store.refunds[index]
                if live.status == .requested { _ = try world.store.commit(live, .rejected) }
                if live.cause == .requested, live.status != .succeeded { return }
            } else {
                try world.store.add(
                    .init(
                        id: .make(nowMs: 1, shard: world.shops[hold.zone].shard), payment: payment, booking: booking, cause: .eventCancelled,
                        amount: saga.payment.amountMinor, status: .processing))
            }
        default: break
        }
        next += 1
    }
}
