import BookingEngine
import Domain
import PaymentGateway
import Synchronization
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    /// What a gateway, a crash or a neighbour may do at the worst moment.
    @Suite struct Hostile {
        @Test func aDeclineKeepsItsReasonWhereverItsWorkerDies() async throws {
            let office = try await BoxOffice()
            for checkpoint in 1...40 {
                let order = try await office.order(.declined)
                let crashed = try await office.deliver(order.charge, crashingAt: checkpoint)
                let code = try await office.saga(order.payment).payment.errorCode
                #expect(code == "insufficient_funds", "at \(checkpoint)")
                let shown = try await office.engine.payment(order.payment)?.payment.errorCode
                #expect(shown == code, "Redis and PostgreSQL say the same, at \(checkpoint)")
                if !crashed { return }
            }
        }

        @Test func aTokenThatTheGatewayRefusesForGoodEndsThePaymentAtOnce() async throws {
            let office = try await BoxOffice()
            var gateway = BentGateway(fake: office.fake)
            gateway.onConfirm = { _ throws(GatewayError) in
                throw GatewayError(code: .invalidRequest, operation: "confirm intent", message: "no such payment method", status: 400)
            }
            let copy = office.copy(at: gateway)
            let order = try await office.order()
            _ = try? await office.deliver(order.charge, to: copy)
            let saga = try await office.saga(order.payment)
            #expect(saga.state == .failed)
            #expect(try await office.operation(order.operation)?.errorCode == .paymentFailed)
        }

        @Test func aReservedPaymentWithoutIntentIsNotSold() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge)
            _ = try await office.stores.database.query("UPDATE payments SET intent_id = NULL WHERE id = $1", [.text("\(order.payment)")])
            _ = try? await office.deliver(office.webhook(order))
            #expect(try await office.booking(order).status != .confirmed)
        }

        @Test func moneyThatComesAfterAFailedCallOffIsSeenByItsWebhook() async throws {
            let office = try await BoxOffice()
            // As gateways do: the first answer to a key is repeated.
            let answers = Mutex<[String: Intent]>([:])
            var gateway = BentGateway(fake: office.fake)
            gateway.onCancel = { [fake = office.fake] id, key throws(GatewayError) in
                answers.withLock { answers in
                    if let known = answers[key] { return known }
                    // What is processing cannot be called off.
                    guard let intent = fake.books.withLock({ $0.intents[id] }), intent.status == .processing || intent.status == .succeeded else {
                        return nil
                    }
                    answers[key] = intent
                    return intent
                }
            }
            let copy = office.copy(at: gateway)
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge, to: copy)
            office.advance(by: .seconds(301))
            try await office.deliver(office.webhook(order), to: copy)
            #expect(try await office.saga(order.payment).state == .reserved)
            office.fake.complete(order.payment)
            try await office.deliver(office.webhook(order), to: copy)
            #expect(try await office.saga(order.payment).state == .confirmed)
        }

        @Test func aTextThatPostgresCannotHoldDoesNotKeepAPaymentOpen() async throws {
            let office = try await BoxOffice()
            var gateway = BentGateway(fake: office.fake)
            gateway.onConfirm = { [fake = office.fake] id throws(GatewayError) in
                fake.books.withLock { books in
                    guard let old = books.intents[id] else { return nil }
                    let intent = Intent(
                        id: id, status: .requiresPaymentMethod, amountMinor: old.amountMinor, amountReceivedMinor: 0, currency: old.currency,
                        metadata: old.metadata, lastError: .init(code: "card_declined", declineCode: nil, message: "No\u{0}money"))
                    books.intents[id] = intent
                    return intent
                }
            }
            let order = try await office.order()
            _ = try? await office.deliver(order.charge, to: office.copy(at: gateway))
            #expect(try await office.saga(order.payment).state == .failed)
        }

        @Test func oneCopyThatHandlesAPaymentTwiceAtOnceEndsIt() async throws {
            let office = try await BoxOffice()
            for _ in 0..<10 {
                let order = try await office.order()
                let copy = office.parts
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { try await office.deliver(order.charge, to: copy) } }
                    try await group.waitForAll()
                }
                try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
            }
        }

        @Test func anEventOfAnotherTenantIsNotCancelled() async throws {
            let office = try await BoxOffice()
            let command = EventCancellation(
                operation: .make(nowMs: BookingEngine.wallClockMs(), shard: office.shard), event: office.settings.event, user: BoxOffice.id(),
                tenant: BoxOffice.id())
            let record = CloudEvent(
                type: .paymentRefundEvent, id: "\(command.operation)", subject: "\(command.event)", time: .now, trace: "", value: command.json
            ).record
            _ = try? await office.deliver(record)
            let status = try await office.stores.database.query("SELECT status FROM events WHERE id = $1", [.text("\(command.event)")])
            #expect(try status.one().string("status") == "published")
        }

        @Test func aRefundOfAHoldThatRedisLostIsPaidOnce() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            try await office.deliver(order.charge)
            try await office.project()
            let command = office.refundCommand(order)
            try await office.deliver(office.record(command))
            _ = try await office.stores.redis.send(.init("DEL", Keys.hold(order.booking, office.shard)))
            let decision = office.decision(command, isApproved: true)
            for _ in 0..<2 { try await office.deliver(office.record(decision)) }
            #expect(office.fake.standing(of: order.payment).refunded == 1500)
            #expect(try await office.refund(command.refund)?.status == .succeeded)
        }
    }
}
