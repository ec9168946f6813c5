import BookingEngine
import Domain
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    /// Payments that complete later, by webhook or clock.
    @Suite struct Later {
        @Test func aWalletRestsUntilItsWebhookComes() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge)
            #expect(try await office.saga(order.payment).state == .reserved)
            #expect(try await office.engine.payment(order.payment)?.payment.status == .processing)
            #expect(office.toldIDs(.paymentProcessing, of: "\(order.booking)").count == 1)
            // News of nothing changes nothing.
            try await office.deliver(office.webhook(order))
            #expect(try await office.saga(order.payment).state == .reserved)
            office.fake.complete(order.payment)
            let webhook = office.webhook(order)
            for _ in 0..<2 { try await office.deliver(webhook) }
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
        }

        @Test func aWebhookThatComesBeforeTheAnswerIsNoHarm() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            // Before the charge was handled there is nothing that it could be about.
            guard case .skip = try await office.deliver(office.webhook(order)) else {
                Issue.record("handled")
                return
            }
            async let charge = office.deliver(order.charge)
            async let first = office.deliver(office.webhook(order))
            async let second = office.deliver(office.webhook(order))
            _ = try await (charge, first, second)
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
        }

        @Test func aForgedPaymentIsNobodys() async throws {
            let office = try await BoxOffice()
            let (mine, other) = (try await office.order(.later, method: .wallet), try await office.order(.later, method: .wallet))
            try await office.deliver(mine.charge)
            try await office.deliver(other.charge)
            office.fake.complete(other.payment)
            for payment in [PaymentID.make(nowMs: 1, shard: office.shard), other.payment] {
                guard case .skip = try await office.deliver(office.webhook(mine, payment: payment)) else {
                    Issue.record("handled")
                    return
                }
            }
            #expect(try await office.saga(other.payment).state == .reserved)
            #expect(try await office.saga(mine.payment).state == .reserved)
        }

        @Test func whatIsNotPaidInTimeIsCalledOff() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge)
            office.advance(by: .seconds(301))
            try await office.deliver(office.webhook(order))
            try await office.checkEnd(order, .failed, .timeout, booking: .reserved, captured: 0, refunded: 0)
            #expect(try await office.booking(order).declines == 0)
        }

        @Test func whatWasPaidAtTheLastMomentCounts() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .bankTransfer)
            try await office.deliver(order.charge)
            office.fake.complete(order.payment)
            office.advance(by: .seconds(86_401))
            try await office.deliver(office.webhook(order))
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
        }

        @Test func lateMoneyGoesBack() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge)
            try await office.expire(order.booking)
            office.fake.complete(order.payment)
            try await office.deliver(office.webhook(order))
            try await office.checkEnd(order, .failed, .refunded, booking: .expired, captured: 1500, refunded: 1500)
            #expect(try await office.booking(order).reason == .paidTooLate)
            #expect(try await office.operation(order.operation)?.errorCode == .reservationExpired)
        }

        @Test func theClockWakesWhatWaits() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge)
            office.fake.complete(order.payment)
            _ = try await office.stores.database.query(
                "UPDATE saga_instances SET wake_at = now() - interval '1 second' WHERE id = $1", [.text("\(order.payment)")])
            // Of two copies one wakes it.
            let (first, second) = (office.parts, office.parts)
            async let one = first.clock.wake()
            async let two = second.clock.wake()
            _ = try await (one, two)
            let woken = office.woken.withLock { $0.filter { $0.key == Array("\(order.booking)".utf8) } }
            #expect(woken.count == 1)
            for record in woken { try await office.deliver(record) }
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
            let rows = try await office.stores.database.query("SELECT wake_at FROM saga_instances WHERE id = $1", [.text("\(order.payment)")])
            #expect(try rows.one().optionalString("wake_at") == nil)
        }
    }
}
