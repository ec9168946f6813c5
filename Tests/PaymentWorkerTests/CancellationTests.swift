import BookingEngine
import Domain
import KafkaClient
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    @Suite struct Cancellations {
        @Test func aCancelledEventGivesEverythingBack() async throws {
            let office = try await BoxOffice()
            let held = try await office.reserve(BoxOffice.id(), quantity: 2)
            let paid = [try await office.order(quantity: 2), try await office.order()]
            let asked = try await office.order()
            for order in paid + [asked] { try await office.deliver(order.charge) }
            let open = try await office.order(.later, method: .wallet)
            try await office.deliver(open.charge)
            let halved = try await office.order()
            try await office.deliver(halved.charge)
            let half = office.refundCommand(halved, requestedAt: Timestamp(ms: BookingEngine.wallClockMs() + 25 * 86_400_000))
            try await office.deliver(office.record(half))
            try await office.deliver(office.record(office.decision(half, isApproved: true)))
            #expect(office.fake.standing(of: halved.payment).refunded == 750)
            try await office.deliver(office.record(office.refundCommand(asked)))
            try await office.project()

            let command = EventCancellation(
                operation: .make(nowMs: BookingEngine.wallClockMs(), shard: office.shard), event: office.settings.event, user: BoxOffice.id(),
                tenant: office.settings.tenant)
            func pass(_ id: String) async throws {
                let record = CloudEvent(
                    type: .paymentRefundEvent, id: id, subject: "\(command.event)", time: .now, trace: "", value: command.json
                ).record
                guard case .done(let derived) = try await office.deliver(record) else { throw BoxOffice.Refused() }
                for message in derived where message.topic == "payment.commands" { try await office.deliver(office.record(of: message)) }
                try await office.project()
            }
            try await pass("1")
            await #expect(throws: BoxOffice.Refused.self) { try await office.reserve(BoxOffice.id()) }
            #expect(try await office.engine.booking(held)?.reason == .eventCancelled)
            #expect(try await office.engine.booking(held)?.status == .cancelled)
            for order in paid + [asked] {
                #expect(try await office.booking(order).status == .refunded)
                #expect(try await office.booking(order).reason == .eventCancelled)
                let standing = office.fake.standing(of: order.payment)
                #expect(standing.captured == standing.refunded)
            }
            // What is being paid is waited for.
            #expect(try await office.operation(command.operation) == nil)
            try await pass("2")
            #expect(try await office.operation(command.operation) == nil)
            office.fake.complete(open.payment)
            try await office.deliver(office.webhook(open))
            try await office.project()
            for number in 3...5 { try await pass("\(number)") }
            #expect(try await office.operation(command.operation)?.status == .succeeded)
            #expect(try await office.engine.booking(open.booking)?.status == .refunded)
            #expect(office.fake.standing(of: halved.payment).refunded == 750)
            // What was told last of each refund is its row, the one too that the cancellation made superfluous.
            for (id, told) in try office.toldRefunds() { #expect(try await office.refund(id) == told) }
            #expect(try office.toldRefunds().values.contains { $0.errorCode == "event_cancelled" && $0.status == .rejected })
            #expect(try office.toldRefunds().values.count { $0.voucherMinor != nil } == 4)
            let last = try CancelledEvent(json: try #require(office.toldValues(.eventCancelled).last))
            #expect(last.isDone && last.refunds == 4 && last.cancellation == command)
            let counts = try await office.counts()
            #expect(counts.available == 100 && counts.held == 0 && counts.sold == 0)
            let vouchers = try await office.stores.database.query(
                "SELECT amount_minor FROM vouchers WHERE event_id = $1 ORDER BY amount_minor", [.text("\(command.event)")])
            #expect(try vouchers.map { try $0.int("amount_minor") } == [150, 150, 150, 300])
            #expect(office.toldIDs(.operationFinished, of: "\(command.operation)").count == 1)
            let rows = try await office.stores.database.query(
                "SELECT status, released, refunds FROM event_cancellations WHERE event_id = $1", [.text("\(command.event)")])
            let row = try rows.one()
            #expect(try row.string("status") == "done")
            #expect(try row.int("released") == 1)
            #expect(try row.int("refunds") == 4)
        }
    }
}

extension BoxOffice {
    /// A derived message as it comes from its topic.
    func record(of message: OutgoingMessage) -> KafkaRecord {
        KafkaRecord(topic: message.topic, key: Array(message.key.utf8), value: Array(message.value.utf8), headers: message.headers)
    }
}
