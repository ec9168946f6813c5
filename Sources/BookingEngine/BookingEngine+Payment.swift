public import Domain
import LuaScripts
import RedisClient

/// What beginning a payment came to.
public enum PaymentStartOutcome: Equatable, Sendable {
    /// Done now; the entries, the booking's event and the charge, are to be published in their order. There are none when the first reply was lost:
    /// then the sweeper publishes them, and the payment is as it stands by now.
    case begun(Payment, OperationID?, [OutboxEntry])
    /// Done before, under the same Idempotency-Key.
    case replayed(PaymentID, OperationID?)
    case keyReused
    case missing
    case notYours
    case wrongState(BookingStatus)
    /// The hold has ended, whether its seats are back already or not.
    case expired
    /// Another payment is open.
    case open(PaymentID)
    /// The last payment that was allowed was declined.
    case declinedTooOften
    /// The event allows no bank transfer.
    case methodNotAllowed
    case outboxFull
}

extension BookingEngine {
    /// How long a payment's record stays in Redis after its last change.
    public static let paymentKept: Duration = .seconds(172_800)
    /// The time that a hold has left, at least, when a payment of it begins.
    public static let paymentTime: Duration = .seconds(300)
    /// How long after its reserve a hold can last at most on account of payments.
    public static let paymentTimeAfterReserve: Duration = .seconds(1200)
    /// How long after its reserve a hold lasts that is paid by bank transfer.
    public static let bankTransferTime: Duration = .seconds(86_400)
    /// Payments of one booking that may be declined; the last ends the hold.
    public static let maximumDeclines: Int64 = 3
    /// The type of the operation that waits for a payment's end.
    public static let paymentOperationType = "payment.charge"

    /// The path by which the API knows a payment.
    public static func resource(of payment: PaymentID) -> String { "/api/v1/payments/\(payment)" }

    /// A payment to begin.
    public struct PaymentStart: Sendable {
        /// In the booking's shard. By it a second call knows its own work.
        public let payment: PaymentID
        public let booking: BookingID
        public let shard: Shard
        public let user: UserID
        public let method: PaymentMethod
        /// The gateway's token for the card or wallet, which never leaves Redis; empty for none.
        public let token: String
        /// The operation that waits for the end; none when the booking was reserved and charged in one request.
        public let operation: OperationID?
        public let idempotency: Idempotency?
        /// W3C traceparent, or empty.
        public let trace: String

        public init(
            payment: PaymentID, booking: BookingID, shard: Shard, user: UserID, method: PaymentMethod, token: String, operation: OperationID?,
            idempotency: Idempotency?, trace: String
        ) {
            self.payment = payment
            self.booking = booking
            self.shard = shard
            self.user = user
            self.method = method
            self.token = token
            self.operation = operation
            self.idempotency = idempotency
            self.trace = trace
        }
    }

    /// Begins a payment of a hold: the payment, the pending operation, the longer hold, its event and the charge, in one call.
    public func beginPayment(_ start: PaymentStart) async throws(EngineError) -> PaymentStartOutcome {
        let shard = start.shard
        let holdKey = Keys.hold(start.booking, shard)
        let idempotency = start.idempotency
        let reply = try await ask(
            LuaScript.beginPayment,
            RedisScriptCall(
                keys: [
                    holdKey, Keys.payment(start.payment, shard), start.operation.map { Keys.operation($0, shard) } ?? holdKey,
                    idempotency.map { Keys.idempotency($0.route, $0.key, start.user, start.booking.description, shard) } ?? holdKey,
                ],
                arguments: [
                    .int(Int64(shard.number)), .string(start.booking.description), .string(start.trace), .string(start.payment.description),
                    .string(start.user.description), .string(start.method.rawValue), .string(start.token),
                    .string(start.operation?.description ?? ""), .string(Self.paymentOperationType), .string(Self.resource(of: start.payment)),
                    .string(idempotency?.bodyHash ?? ""), .int(limits.idempotencyKept.inMilliseconds), idempotency == nil ? "0" : "1",
                    .int(limits.outboxLimit), .int(Self.paymentKept.inMilliseconds), .int(Self.paymentTime.inMilliseconds),
                    .int(Self.paymentTimeAfterReserve.inMilliseconds), .int(Self.bankTransferTime.inMilliseconds), .int(Self.maximumDeclines),
                ]))
        let (name, parts) = try Self.outcome("begin payment", reply)
        switch name {
        case "begun": if let begun = Self.begun(start, parts) { return begun }
        case "replayed":
            guard let id = parts.first?.text.flatMap({ PaymentID($0) }) else { break }
            let operation = parts.last?.text.flatMap { OperationID($0) }
            // Our own id: the reply to the first call was lost, and this is its repetition.
            guard id == start.payment, let found = try await payment(id) else { return .replayed(id, operation) }
            return .begun(found.payment, operation, [])
        case "key_reused": return .keyReused
        case "missing":
            try await requireMemory("begin payment")
            return .missing
        case "not_yours": return .notYours
        case "wrong_state": if let status = parts.first?.text.flatMap(BookingStatus.init(rawValue:)) { return .wrongState(status) }
        case "expired": return .expired
        case "open": if let id = parts.first?.text.flatMap({ PaymentID($0) }) { return .open(id) }
        case "declined_too_often": return .declinedTooOften
        case "method_not_allowed": return .methodNotAllowed
        case "outbox_full": return .outboxFull
        case "zone_missing": throw .zoneMissing("begin payment")
        default: break
        }
        throw .unexpected("begin payment", reply)
    }

    private static func begun(_ start: PaymentStart, _ parts: [RedisReply]) -> PaymentStartOutcome? {
        guard parts.count == 5, let updated = entry(.bookingUpdated, parts[..<3], of: start.booking, start.shard, start.trace),
            let id = parts[3].text, let value = parts[4].bytes, let command = try? ChargeCommand(json: value)
        else { return nil }
        let charge = OutboxEntry(
            id: id, shard: start.shard, type: .paymentCharge, key: start.booking.description, version: start.payment.description, trace: start.trace,
            value: value)
        return .begun(command.payment, start.operation, [updated, charge])
    }
}
