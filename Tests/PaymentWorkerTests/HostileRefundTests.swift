import BookingEngine
import Domain
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension PaymentTests {
    /// Refunds and cancellations at the worst moment.
    @Suite struct HostileRefunds {
        @Test func twoApprovalsAtOnceGiveTheMoneyBackOnce() async throws {
            let office = try await BoxOffice()
            let order = try await office.order()
            try await office.deliver(order.charge)
            let command = office.refundCommand(order)
            try await office.deliver(office.record(command))
            let decisions = [office.decision(command, isApproved: true), office.decision(command, isApproved: true)]
            for _ in 0..<3 {
                await withTaskGroup(of: Void.self) { group in
                    for decision in decisions {
                        let copy = office.parts
                        group.addTask { _ = try? await office.deliver(office.record(decision), to: copy) }
                    }
                }
            }
            #expect(office.fake.standing(of: order.payment).refunded == 1500)
            #expect(try await office.refund(command.refund)?.status == .succeeded)
            var ends: [Operation.Status] = []
            for decision in decisions { if let end = try await office.operation(decision.operation) { ends.append(end.status) } }
            #expect(ends.count == 2 && ends.filter { $0 == .succeeded }.count == 1)
        }

        @Test func aCancellationEndsOnceWhereverItsWorkerDies() async throws {
            for checkpoint in 1...40 {
                let office = try await BoxOffice()
                let held = try await office.reserve(BoxOffice.id())
                let order = try await office.order()
                try await office.deliver(order.charge)
                try await office.project()
                let command = EventCancellation(
                    operation: .make(nowMs: BookingEngine.wallClockMs(), shard: office.shard), event: office.settings.event, user: BoxOffice.id(),
                    tenant: office.settings.tenant)
                var crashed = false
                for pass in 1...4 {
                    let record = CloudEvent(
                        type: .paymentRefundEvent, id: "\(command.operation)/\(pass)", subject: "\(command.event)", time: .now, trace: "",
                        value: command.json
                    ).record
                    let before = office.told.withLock { $0.count }
                    if pass == 1 { crashed = try await office.deliver(record, crashingAt: checkpoint) } else { try await office.deliver(record) }
                    let commands = office.told.withLock { $0.dropFirst(before).filter { $0.topic == "payment.commands" } }
                    for message in commands { try await office.deliver(office.record(of: message)) }
                    try await office.project()
                }
                #expect(try await office.operation(command.operation)?.status == .succeeded, "at \(checkpoint)")
                #expect(try await office.engine.booking(held)?.status == .cancelled)
                #expect(office.fake.standing(of: order.payment).refunded == 1500, "at \(checkpoint)")
                let counts = try await office.counts()
                #expect(counts.held == 0 && counts.sold == 0)
                #expect(office.toldIDs(.operationFinished, of: "\(command.operation)").count == 1)
                if !crashed { return }
            }
        }

        @Test func aRefundOfACancelledEventEndsOnceWhereverItsWorkerDies() async throws {
            for checkpoint in 1...40 {
                let office = try await BoxOffice()
                let order = try await office.order()
                try await office.deliver(order.charge)
                let command = RefundCommand(
                    refund: .ofCancellation(order.booking), payment: order.payment, booking: order.booking, user: order.user,
                    tenant: office.settings.tenant, cause: .eventCancelled, requestedAt: .now, operation: nil)
                let crashed = try await office.deliver(office.record(command), crashingAt: checkpoint)
                #expect(office.fake.standing(of: order.payment).refunded == 1500, "at \(checkpoint)")
                #expect(try await office.booking(order).status == .refunded)
                #expect(try await office.refund(command.refund)?.status == .succeeded, "at \(checkpoint)")
                let vouchers = try await office.stores.database.query(
                    "SELECT 1 AS one FROM vouchers WHERE booking_id = $1", [.text("\(order.booking)")])
                #expect(vouchers.count == 1)
                if !crashed { return }
            }
        }

        @Test func aRefundThatRanOutDoesNotKeepACancellationAsking() async throws {
            let office = try await BoxOffice()
            let order = try await office.order(.keeps)
            try await office.deliver(order.charge)
            try await office.project()
            let command = EventCancellation(
                operation: .make(nowMs: BookingEngine.wallClockMs(), shard: office.shard), event: office.settings.event, user: BoxOffice.id(),
                tenant: office.settings.tenant)
            var asked: [Int] = []
            for pass in 1...10 {
                let record = CloudEvent(
                    type: .paymentRefundEvent, id: "\(command.operation)/\(pass)", subject: "\(command.event)", time: .now, trace: "",
                    value: command.json
                ).record
                guard case .done(let derived) = try await office.deliver(record) else { continue }
                let commands = derived.filter { $0.topic == "payment.commands" }
                asked.append(commands.count)
                for message in commands { try await office.deliver(office.record(of: message)) }
                for _ in 0..<7 { try await office.deliver(office.webhook(order)) }
            }
            #expect(try await office.refund(.ofCancellation(order.booking))?.status == .failed)
            #expect(asked.dropFirst(2).allSatisfy { $0 == 0 }, "\(asked)")
            // It ends all the same, and says what is left to do.
            let ended = try await office.stores.database.query(
                """
                SELECT c.status, o.status AS operation, o.error_code FROM event_cancellations c JOIN operations o ON o.id = c.operation_id
                WHERE c.event_id = $1
                """, [.text("\(command.event)")])
            #expect(
                try ended.map { try [$0.string("status"), $0.string("operation"), $0.string("error_code")] } == [
                    ["done", "failed", "PAYMENT_FAILED"]
                ])
        }
    }
}
