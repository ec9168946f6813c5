import Domain
import Testing

struct PaymentCommandTests {
    private static let shard = Shard(truncating: 9)
    private static let operation: OperationID = .make(nowMs: 1, shard: shard)
    private static let user: UserID = Identifier(UUIDBits(high: 1, low: 1))
    private static let tenant: TenantID = Identifier(UUIDBits(high: 2, low: 2))

    @Test(arguments: [nil, operation]) func aChargeReadsBackAsItself(operation: OperationID?) throws {
        let command = ChargeCommand(payment: PaymentTests.payment(), operation: operation)
        #expect(try ChargeCommand(json: command.json) == command)
    }

    @Test(arguments: RefundCause.allCases, [nil, operation]) func aRefundReadsBackAsItself(cause: RefundCause, operation: OperationID?) throws {
        let payment = PaymentTests.payment()
        let command = RefundCommand(
            refund: .make(nowMs: 1, shard: Self.shard), payment: payment.id, booking: payment.booking, user: Self.user, tenant: Self.tenant,
            cause: cause, requestedAt: Timestamp(ms: 77), operation: operation)
        #expect(try RefundCommand(json: command.json) == command)
        let faulty = String(decoding: command.json, as: UTF8.self).replacing(cause.rawValue, with: "whim")
        #expect(#expect(throws: JSONError.self) { try RefundCommand(json: Array(faulty.utf8)) }?.field == "cause")
    }

    @Test(arguments: [true, false]) func aDecisionReadsBackAsItself(isApproved: Bool) throws {
        let decision = RefundDecision(
            operation: Self.operation, refund: .make(nowMs: 1, shard: Self.shard), booking: .make(nowMs: 1, shard: Self.shard), user: Self.user,
            tenant: Self.tenant, isApproved: isApproved)
        #expect(try RefundDecision(json: decision.json) == decision)
    }

    @Test(arguments: RefundStatus.allCases, [nil, operation]) func aRefundsStateReadsBackAsItself(status: RefundStatus, operation: OperationID?)
        throws
    {
        let payment = PaymentTests.payment()
        let refund = Refund(
            id: .make(nowMs: 1, shard: Self.shard), payment: payment.id, booking: payment.booking, event: payment.event, user: Self.user,
            tenant: Self.tenant, cause: .eventCancelled, percent: 50, amountMinor: 7, currency: "THB", status: status, version: 3,
            operation: operation, gatewayID: operation.map { _ in "re_1" }, decidedBy: operation.map { _ in Self.user }, errorCode: "no",
            voucherMinor: operation.map { _ in 1 }, requestedAt: Timestamp(ms: 1), createdAt: Timestamp(ms: 2), updatedAt: Timestamp(ms: 3))
        #expect(try Refund(json: refund.json) == refund)
        let faulty = String(decoding: refund.json, as: UTF8.self).replacing("\"status\":\"\(status.rawValue)\"", with: "\"status\":\"lost\"")
        #expect(#expect(throws: JSONError.self) { try Refund(json: Array(faulty.utf8)) }?.field == "status")
    }

    @Test(arguments: [true, false]) func aCancelledEventReadsBackAsItself(isDone: Bool) throws {
        let cancellation = EventCancellation(
            operation: Self.operation, event: Identifier(UUIDBits(high: 8, low: 8)), user: Self.user, tenant: Self.tenant)
        let event = CancelledEvent(cancellation: cancellation, isDone: isDone, released: 3, refunds: 4, updatedAt: Timestamp(ms: 5))
        #expect(try CancelledEvent(json: event.json) == event)
    }

    @Test func theOthersReadBackAsThemselves() throws {
        let advance = AdvanceCommand(payment: .make(nowMs: 1, shard: Self.shard), booking: .make(nowMs: 1, shard: Self.shard))
        #expect(try AdvanceCommand(json: advance.json) == advance)
        let cancellation = EventCancellation(
            operation: Self.operation, event: Identifier(UUIDBits(high: 8, low: 8)), user: Self.user, tenant: Self.tenant)
        #expect(try EventCancellation(json: cancellation.json) == cancellation)
        let cancel = CancelCommand(
            operation: Self.operation, booking: .make(nowMs: 1, shard: Self.shard), user: Self.user, tenant: Self.tenant)
        #expect(try CancelCommand(json: cancel.json) == cancel)
    }

    @Test(arguments: ["", "{}", "[]", #"{"payment_id":1}"#, #"{"payment_id":"x","booking_id":"y"}"#]) func rubbishIsRefused(json: String) {
        #expect(throws: JSONError.self) { try ChargeCommand(json: Array(json.utf8)) }
        #expect(throws: JSONError.self) { try AdvanceCommand(json: Array(json.utf8)) }
        #expect(throws: JSONError.self) { try RefundCommand(json: Array(json.utf8)) }
        #expect(throws: JSONError.self) { try RefundDecision(json: Array(json.utf8)) }
        #expect(throws: JSONError.self) { try EventCancellation(json: Array(json.utf8)) }
        #expect(throws: JSONError.self) { try CancelCommand(json: Array(json.utf8)) }
    }

    @Test func aCommandMayCarryMembersOfALaterBuild() throws {
        let advance = AdvanceCommand(payment: .make(nowMs: 1, shard: Self.shard), booking: .make(nowMs: 1, shard: Self.shard))
        let text = String(decoding: advance.json, as: UTF8.self).dropLast() + #","attempts_ms":3,"note":"later"}"#
        #expect(try AdvanceCommand(json: Array(text.utf8)) == advance)
    }

    @Test func aBookingsPredecessorsAreThoseOfTheContract() {
        let legal: [(BookingStatus, BookingStatus)] = [
            (.reserved, .confirmed), (.reserved, .cancelled), (.reserved, .expired), (.confirmed, .refunded),
        ]
        for from in BookingStatus.allCases {
            for to in BookingStatus.allCases { #expect(to.predecessors.contains(from) == legal.contains { $0 == (from, to) }) }
            #expect(from.isFinal == !legal.contains { $0.0 == from })
        }
    }
}
