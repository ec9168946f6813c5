import BookingEngine
import Domain
import RedisClient
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    @Suite struct Charges {
        @Test func aChargeSellsTheSeats() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(quantity: 2)
            try await office.deliver(order.charge)
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 3000, refunded: 0)
            #expect(try await office.counts().sold == 2)
        }

        @Test func aSecondDeliverySaysTheSame() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            for _ in 0..<3 { try await office.deliver(order.charge) }
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
        }

        @Test func nothingToPayIsCapturedWithoutTheGateway() async throws {
            let office = try await BoxOffice(priceMinor: 0)
            let order = try await office.order()
            try await office.deliver(order.charge)
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 0, refunded: 0)
            #expect(office.fake.books.withLock { $0.intents.isEmpty })
        }

        @Test func aDeclineKeepsTheHold() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.declined)
            try await office.deliver(order.charge)
            try await office.checkEnd(order, .failed, .failed, booking: .reserved, captured: 0, refunded: 0)
            let operation = try #require(try await office.operation(order.operation))
            #expect(operation.errorCode == .paymentFailed)
            #expect(operation.errorMessage == "No money.")
            #expect(try await office.saga(order.payment).payment.errorCode == "insufficient_funds")
            // The intent cannot be paid any more.
            #expect(office.fake.books.withLock { $0.intents.values.allSatisfy { $0.status == .canceled } })
            let again = try await office.begin(order.booking, order.user)
            try await office.deliver(again.charge)
            #expect(try await office.booking(order).status == .confirmed)
        }

        @Test func theThirdDeclineReleasesTheHold() async throws {
            let office = try await BoxOffice()
            let user: UserID = BoxOffice.id()
            let booking = try await office.reserve(user)
            for decline in 1...3 {
                let begun = try await office.begin(booking, user, token: .declined)
                try await office.deliver(begun.charge)
                let stands = try #require(try await office.engine.booking(booking))
                #expect(stands.declines == Int64(decline))
                #expect(stands.status == (decline == 3 ? .cancelled : .reserved))
                #expect(stands.reason == (decline == 3 ? .paymentFailed : nil))
            }
            #expect(try await office.counts().held == 0)
        }

        @Test func aLostAnswerIsReadNotGuessed() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.lost)
            await #expect(throws: (any Error).self) { try await office.deliver(order.charge) }
            #expect(try await office.saga(order.payment).state == .reserved)
            try await office.deliver(order.charge)
            try await office.checkEnd(order, .confirmed, .success, booking: .confirmed, captured: 1500, refunded: 0)
        }

        @Test func anotherAmountIsNeverConfirmed() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.short)
            await #expect(throws: Failure.self) { try await office.deliver(order.charge) }
            #expect(try await office.saga(order.payment).state == .reserved)
            #expect(try await office.booking(order).status == .reserved)
            // Only a person can help it, so the clock does not look at it.
            let rows = try await office.stores.database.query("SELECT wake_at FROM saga_instances WHERE id = $1", [.text("\(order.payment)")])
            #expect(try rows.one().optionalString("wake_at") == nil)
        }

        @Test func aHoldThatEndedIsNotCharged() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            try await office.expire(order.booking)
            try await office.deliver(order.charge)
            try await office.checkEnd(order, .failed, .failed, booking: .expired, captured: 0, refunded: 0)
            #expect(try await office.operation(order.operation)?.errorCode == .reservationExpired)
        }

        @Test func aHoldThatIsNowhereIsAnOutage() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            _ = try await office.stores.redis.send(RedisCommand("DEL", Keys.hold(order.booking, office.shard)))
            do {
                try await office.deliver(order.charge)
                Issue.record("decided on what is missing")
            } catch let failure as Failure {
                #expect(failure.disposition == .outage)
            }
            #expect(office.fake.books.withLock { $0.intents.isEmpty })
        }

        @Test func aChargeThatCouldNotBeginIsEndedWhenItIsGivenUp() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            let parts = office.parts
            let message = KafkaTestMessage.of(order.charge)
            try await parts.handler.gaveUp([GivenUpMessage(message: message, failure: Failure(.deadLetter, label: "x", message: "x"))])
            #expect(try await office.operation(order.operation)?.errorCode == .internalError)
            #expect(try await office.booking(order).paymentState == .failed)
            // Sent anew by a person it finds that its hold is not its own any more.
            try await office.deliver(order.charge)
            #expect(office.fake.standing(of: order.payment).captured == 0)
        }

        @Test func aSagaThatRunsIsNotEndedWhenItsMessageIsGivenUp() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.later, method: .wallet)
            try await office.deliver(order.charge)
            let message = KafkaTestMessage.of(order.charge)
            try await office.parts.handler.gaveUp([GivenUpMessage(message: message, failure: Failure(.retry, label: "x", message: "x"))])
            #expect(try await office.operation(order.operation) == nil)
            #expect(try await office.booking(order).paymentState == .open)
        }
    }
}
