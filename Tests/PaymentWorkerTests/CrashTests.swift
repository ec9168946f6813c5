import BookingEngine
import Domain
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    /// Each line may be the last before a crash.
    @Suite struct Crashes {
        /// More than any message passes.
        private static let mostCheckpoints = 40

        /// Has the scenario done anew with a crash at each checkpoint in turn.
        private func everywhere(_ scenario: (_ checkpoint: Int) async throws -> Bool) async throws {
            for checkpoint in 1...Self.mostCheckpoints {
                guard try await scenario(checkpoint) else {
                    #expect(checkpoint > 3)
                    return
                }
            }
            Issue.record("there are more checkpoints")
        }

        @Test func aChargeEndsOnceWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            try await everywhere { checkpoint in
                let order = try await office.order()
                let crashed = try await office.deliver(order.charge, crashingAt: checkpoint)
                try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0, "at \(checkpoint)")
                return crashed
            }
        }

        @Test func aDeclineEndsOnceWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            try await everywhere { checkpoint in
                let order = try await office.order(.declined)
                let crashed = try await office.deliver(order.charge, crashingAt: checkpoint)
                try await office.checkEnd(order, .failed, .failed, booking: .reserved, captured: 0, refunded: 0, "at \(checkpoint)")
                #expect(try await office.booking(order).declines == 1)
                return crashed
            }
        }

        @Test func theLastDeclineEndsOnceWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            try await everywhere { checkpoint in
                let user: UserID = BoxOffice.id()
                let booking = try await office.reserve(user)
                for _ in 0..<2 { try await office.deliver(try await office.begin(booking, user, token: .declined).charge) }
                let last = try await office.begin(booking, user, token: .declined)
                let crashed = try await office.deliver(last.charge, crashingAt: checkpoint)
                let order = BoxOffice.Order(user: user, booking: booking, payment: last.payment, operation: last.operation, charge: last.charge)
                let saga = try await office.saga(last.payment)
                #expect(saga.state == .failed)
                let stands = try await office.booking(order)
                #expect(stands.status == .cancelled && stands.reason == .paymentFailed && stands.declines == 3, "at \(checkpoint)")
                #expect(office.toldIDs(.operationFinished, of: "\(last.operation)").count == 1)
                return crashed
            }
            #expect(try await office.counts().held == 0)
        }

        @Test func lateMoneyGoesBackOnceWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            try await everywhere { checkpoint in
                let order = try await office.order(.later, method: .wallet)
                try await office.deliver(order.charge)
                try await office.expire(order.booking)
                office.fake.complete(order.payment)
                let crashed = try await office.deliver(office.webhook(order), crashingAt: checkpoint)
                try await office.checkEnd(order, .failed, .refunded, booking: .expired, captured: 1500, refunded: 1500, "at \(checkpoint)")
                return crashed
            }
        }

        @Test func aRefundEndsOnceWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            try await everywhere { checkpoint in
                let order = try await office.order()
                try await office.deliver(order.charge)
                let refund = office.refundCommand(order)
                try await office.deliver(office.record(refund))
                let decision = office.decision(refund, isApproved: true)
                let crashed = try await office.deliver(office.record(decision), crashingAt: checkpoint)
                try await office.checkRefund(order, refund, decision, .succeeded, amount: 1500, "at \(checkpoint)")
                return crashed
            }
        }

        @Test func aRequestEndsOnceWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            try await everywhere { checkpoint in
                let order = try await office.order()
                try await office.deliver(order.charge)
                let refund = office.refundCommand(order)
                let crashed = try await office.deliver(office.record(refund), crashingAt: checkpoint)
                let operation = try #require(refund.operation)
                #expect(try await office.operation(operation)?.status == .succeeded)
                #expect(office.toldIDs(.operationFinished, of: "\(operation)").count == 1)
                return crashed
            }
        }

        @Test func twoCopiesAtOnceMakeOnePayment() async throws {
            let office = try await BoxOffice()
            for token in [FakeGateway.Token.good, .declined, .good, .declined, .good] {
                let order = try await office.order(token)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        let copy = office.parts
                        group.addTask { try await office.deliver(order.charge, to: copy) }
                    }
                    try await group.waitForAll()
                }
                if token == .good {
                    try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
                } else {
                    try await office.checkEnd(order, .failed, .failed, booking: .reserved, captured: 0, refunded: 0)
                    #expect(try await office.booking(order).declines == 1)
                }
            }
        }

        @Test func manyAtOnceAreGatheredAndEachEndsRight() async throws {
            let office = try await BoxOffice(capacity: 1000)
            var orders: [BoxOffice.Order] = []
            for number in 0..<120 { orders.append(try await office.order(number % 5 == 0 ? .declined : .good)) }
            let copy = office.parts
            try await withThrowingTaskGroup(of: Void.self) { group in
                for order in orders { group.addTask { try await office.deliver(order.charge, to: copy) } }
                try await group.waitForAll()
            }
            #expect(try await office.counts().sold == 96)
            for (number, order) in orders.enumerated() {
                #expect(try await office.saga(order.payment).state == (number % 5 == 0 ? .failed : .confirmed))
            }
        }
    }
}
