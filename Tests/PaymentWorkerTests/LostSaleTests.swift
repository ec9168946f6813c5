import BookingEngine
import Domain
import RedisClient
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    /// A sale that Redis forgot and whose seats went to another: the command that comes of it gives the money back.
    @Suite struct LostSales {
        /// Has the sale forgotten, the zone sold out meanwhile, and the sale heard of again.
        private func lose(_ order: BoxOffice.Order, _ office: BoxOffice) async throws -> [OutboxEntry] {
            let sale = try #require(try await office.engine.booking(order.booking))
            let (zone, redis) = (Keys.zone(sale.zone, office.shard), office.engine.redis)
            let counts = try await office.counts()
            _ = try await redis.send(RedisCommand("DEL", Keys.hold(order.booking, office.shard)))
            _ = try await redis.send(RedisCommand("HSET", zone, "available", "0", "sold", "\(counts.capacity - counts.held)"))
            return try await office.engine.restore([BookingState(booking: sale)], tells: true).told
        }

        @Test func itsMoneyGoesBackOnceWhereverTheWorkerDies() async throws {
            for checkpoint in 1...40 {
                let office = try await BoxOffice()
                let order = try await office.order()
                try await office.deliver(order.charge)
                let told = try await lose(order, office)
                let command = try #require(told.first { $0.type == .paymentRefund }).record
                let crashed = try await office.deliver(command, crashingAt: checkpoint)
                try await office.deliver(command)
                #expect(office.fake.standing(of: order.payment).refunded == 1500, "at \(checkpoint)")
                let booking = try await office.booking(order)
                #expect(booking.status == .refunded && booking.reason == .seatsTaken)
                let refund = try await office.refund(RefundID(order.payment.bits))
                #expect(refund?.status == .succeeded && refund?.cause == .seatsTaken, "at \(checkpoint)")
                if !crashed { return }
            }
        }

        @Test func aSaleThatStandsKeepsItsMoney() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            try await office.deliver(order.charge)
            let command = RefundCommand(
                refund: RefundID(order.payment.bits), payment: order.payment, booking: order.booking, user: order.user,
                tenant: office.settings.tenant, cause: .seatsTaken, requestedAt: .now, operation: nil)
            try await office.deliver(office.record(command))
            #expect(office.fake.standing(of: order.payment).refunded == 0)
            #expect(try await office.booking(order).status == .confirmed)
            #expect(try await office.refund(command.refund) == nil)
        }
    }
}
