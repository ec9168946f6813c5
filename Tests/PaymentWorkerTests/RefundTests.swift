import BookingEngine
import Domain
import KafkaClient
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension BoxOffice {
    func refundCommand(_ order: Order, requestedAt: Timestamp? = nil) -> RefundCommand {
        let nowMs = BookingEngine.wallClockMs()
        return RefundCommand(
            refund: .make(nowMs: nowMs, shard: shard), payment: order.payment, booking: order.booking, user: order.user, tenant: settings.tenant,
            cause: .requested, requestedAt: requestedAt ?? Timestamp(ms: nowMs), operation: .make(nowMs: nowMs, shard: shard))
    }

    func decision(_ refund: RefundCommand, isApproved: Bool) -> RefundDecision {
        RefundDecision(
            operation: .make(nowMs: BookingEngine.wallClockMs(), shard: shard), refund: refund.refund, booking: refund.booking, user: Self.id(),
            tenant: settings.tenant, isApproved: isApproved)
    }

    func record(_ command: RefundCommand) -> KafkaRecord {
        CloudEvent(
            type: .paymentRefund, id: "\(command.refund)", subject: "\(command.booking)", time: .now, trace: "", value: command.json
        ).record
    }

    func record(_ decision: RefundDecision) -> KafkaRecord {
        CloudEvent(
            type: .paymentDecideRefund, id: "\(decision.operation)", subject: "\(decision.booking)", time: .now, trace: "", value: decision.json
        ).record
    }

    func refund(_ id: RefundID) async throws -> Refund? { try await RefundStore(database: stores.database, group: "payment").refund(id) }

    func checkRefund(
        _ order: Order, _ command: RefundCommand, _ decision: RefundDecision, _ status: RefundStatus, amount: Int64, _ comment: Comment? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let refund = try #require(try await refund(command.refund), sourceLocation: location)
        #expect(refund.status == status && refund.amountMinor == amount, comment, sourceLocation: location)
        // What was told last is the row: that is what a lost row is made of.
        #expect(try toldRefunds()[command.refund] == refund, comment, sourceLocation: location)
        let given = status == .succeeded ? amount : 0
        #expect(fake.standing(of: order.payment).refunded == given, comment, sourceLocation: location)
        let saga = try await saga(order.payment)
        #expect(saga.payment.refundedMinor == given, comment, sourceLocation: location)
        let expected: PaymentStatus = given == 0 ? .success : given == saga.payment.amountMinor ? .refunded : .partiallyRefunded
        #expect(saga.payment.status == expected, comment, sourceLocation: location)
        #expect(try await engine.payment(order.payment)?.payment.status == expected, comment, sourceLocation: location)
        #expect(try await booking(order).status == (given > 0 ? .refunded : .confirmed), comment, sourceLocation: location)
        #expect(try await operation(decision.operation)?.status == (status == .failed ? .failed : .succeeded), comment, sourceLocation: location)
        #expect(toldIDs(.operationFinished, of: "\(decision.operation)").count == 1, comment, sourceLocation: location)
        #expect(toldIDs(.paymentRefunded, of: "\(order.booking)").count == (given > 0 ? 1 : 0), comment, sourceLocation: location)
        #expect(try await counts().isConsistent, comment, sourceLocation: location)
    }
}

extension PaymentTests {
    @Suite struct Refunds {
        @Test func anApprovedRefundGivesMoneyAndSeatsBackOnce() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(quantity: 2)
            try await office.deliver(order.charge)
            let command = office.refundCommand(order)
            for _ in 0..<2 { try await office.deliver(office.record(command)) }
            #expect(try await office.refund(command.refund)?.status == .requested)
            let operation = try #require(command.operation)
            #expect(try await office.operation(operation)?.resource == "/api/v1/refunds/\(command.refund)")
            let decision = office.decision(command, isApproved: true)
            for _ in 0..<2 { try await office.deliver(office.record(decision)) }
            try await office.checkRefund(order, command, decision, .succeeded, amount: 3000)
            #expect(try await office.counts().available == 100)
            // Another approval comes too late.
            let second = office.decision(command, isApproved: true)
            try await office.deliver(office.record(second))
            #expect(try await office.operation(second.operation)?.errorCode == .invalidState)
            // And another request.
            let again = office.refundCommand(order)
            try await office.deliver(office.record(again))
            let refused = try #require(again.operation)
            #expect(try await office.operation(refused)?.errorCode == .invalidState)
            try await office.checkRefund(order, command, decision, .succeeded, amount: 3000)
        }

        @Test func aRejectedRefundChangesNothing() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            try await office.deliver(order.charge)
            let command = office.refundCommand(order)
            try await office.deliver(office.record(command))
            let decision = office.decision(command, isApproved: false)
            try await office.deliver(office.record(decision))
            try await office.checkRefund(order, command, decision, .rejected, amount: 1500)
        }

        @Test(arguments: [(8, 1500), (7, 750), (3, 750)]) func theShareFollowsTheTimeLeft(days: Int64, amount: Int64) async throws {
            let office = try await BoxOffice(showInDays: days)
            let order = try await office.order()
            try await office.deliver(order.charge)
            // The show is a minute later than in whole days.
            let command = office.refundCommand(order, requestedAt: Timestamp(ms: BookingEngine.wallClockMs() + (days == 8 ? 0 : 60_500)))
            try await office.deliver(office.record(command))
            let decision = office.decision(command, isApproved: true)
            try await office.deliver(office.record(decision))
            if days == 3 {
                // A moment under three days.
                let operation = try #require(command.operation)
                #expect(try await office.operation(operation)?.errorCode == .invalidState)
                #expect(try await office.refund(command.refund) == nil)
                #expect(try await office.operation(decision.operation)?.errorCode == .notFound)
            } else {
                try await office.checkRefund(order, command, decision, .succeeded, amount: amount)
            }
        }

        @Test func whatIsNotPaidOrAnothersIsNotRefunded() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.declined)
            try await office.deliver(order.charge)
            let command = office.refundCommand(order)
            try await office.deliver(office.record(command))
            let operation = try #require(command.operation)
            #expect(try await office.operation(operation)?.errorCode == .invalidState)
            let paid = try await office.order()
            try await office.deliver(paid.charge)
            let foreign = office.refundCommand(
                BoxOffice.Order(user: BoxOffice.id(), booking: paid.booking, payment: paid.payment, operation: paid.operation, charge: paid.charge))
            try await office.deliver(office.record(foreign))
            let other = try #require(foreign.operation)
            #expect(try await office.operation(other)?.errorCode == .notFound)
        }

        @Test func aGatewayThatKeepsTheMoneyIsAskedAFewTimes() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.keeps)
            try await office.deliver(order.charge)
            let command = office.refundCommand(order)
            try await office.deliver(office.record(command))
            let decision = office.decision(command, isApproved: true)
            try await office.deliver(office.record(decision))
            #expect(try await office.refund(command.refund)?.status == .processing)
            for _ in 0..<MoneyBack.maxAttempts {
                _ = try await office.stores.database.query(
                    "UPDATE refunds SET wake_at = now() - interval '1 second' WHERE id = $1 AND status = 'processing'", [.text("\(command.refund)")])
                office.woken.withLock { $0 = [] }
                _ = try await office.parts.clock.wake()
                for record in office.woken.withLock({ $0 }) where record.key == Array("\(order.booking)".utf8) { try await office.deliver(record) }
            }
            try await office.checkRefund(order, command, decision, .failed, amount: 1500)
            #expect(try await office.operation(decision.operation)?.errorCode == .paymentFailed)
        }
    }
}
