public import Domain
import LuaScripts
import RedisClient

/// What selling a hold's seats came to.
public enum ConfirmOutcome: Equatable, Sendable {
    /// Done now; the entry is to be published.
    case confirmed(OutboxEntry)
    /// The seats were sold to this payment before; the booking may have been refunded since.
    case confirmedBefore
    /// The hold was read in a final state: there is no seat for the money.
    case ended(BookingStatus)
    /// The hold is live, and this payment is not the one that is open for it.
    case otherPayment(PaymentID?)
    /// There is no such booking in Redis, which decides nothing.
    case missing
}

/// What ending a payment without a seat came to.
public enum PaymentEndOutcome: Equatable, Sendable {
    /// Done now; the entry is to be published. `declines` counts this one.
    case ended(OutboxEntry, declines: Int64, status: BookingStatus)
    /// Said before.
    case endedBefore(declines: Int64, status: BookingStatus)
    /// The booking's payment is another by now, or this one was confirmed. The payment's own record is not written: ``BookingEngine/put(_:)`` does that.
    case otherPayment
    /// There is no such booking in Redis; as above.
    case missing
}

extension BookingEngine {
    /// How long after the show's end a confirmed booking stays in Redis.
    public static let confirmedKept: Duration = .seconds(86_400)

    /// Seats to sell to a payment whose money was captured.
    public struct Confirmation: Sendable {
        /// As `success`, one version on.
        public let payment: Payment
        public let trace: String

        public init(payment: Payment, trace: String) {
            self.payment = payment
            self.trace = trace
        }
    }

    /// Sells the seats of holds to their open payments, all in one write to Redis; each is decided for itself.
    /// - Throws: ``EngineError`` when Redis did not answer for all; what was confirmed then says so again.
    public func confirm(_ confirmations: [Confirmation]) async throws(EngineError) -> [Result<ConfirmOutcome, EngineError>] {
        let replies = try await evaluate(
            LuaScript.confirm, confirmations.map { Self.call($0.payment, $0.trace, .int(Self.confirmedKept.inMilliseconds)) })
        try await requireMemory("confirm", of: replies)
        return zip(confirmations, replies).map { confirmation, reply in
            Result { () throws(EngineError) in
                let (name, parts) = try Self.outcome("confirm", reply)
                let payment = confirmation.payment
                switch name {
                case "confirmed":
                    if let entry = Self.entry(.bookingConfirmed, parts[...], of: payment.booking, payment.keyShard, confirmation.trace) {
                        return .confirmed(entry)
                    }
                case "confirmed_before": return .confirmedBefore
                case "ended": if let status = parts.first?.text.flatMap(BookingStatus.init(rawValue:)) { return .ended(status) }
                case "other_payment": return .otherPayment(parts.first?.text.flatMap { PaymentID($0) })
                case "missing": return .missing
                case "zone_missing": throw .zoneMissing("confirm")
                default: break
                }
                throw .unexpected("confirm", reply)
            }
        }
    }

    /// A payment that ended without a seat.
    public struct PaymentEnd: Sendable {
        /// As `failed`, `timeout` or `refunded`, one version on.
        public let payment: Payment
        /// What became of its money, where the booking is to say it. A reason that the booking has already stays.
        public let reason: BookingReason?
        public let trace: String

        public init(payment: Payment, reason: BookingReason? = nil, trace: String) {
            self.payment = payment
            self.reason = reason
            self.trace = trace
        }
    }

    /// Ends the payments of holds without a seat, all in one write to Redis; each is decided for itself. A failure counts as a decline while the hold lasts.
    /// - Throws: ``EngineError`` when Redis did not answer for all; what was ended then says so again.
    public func endPayments(_ ends: [PaymentEnd]) async throws(EngineError) -> [Result<PaymentEndOutcome, EngineError>] {
        let replies = try await evaluate(LuaScript.endPayment, ends.map { Self.call($0.payment, $0.trace, .string($0.reason?.rawValue ?? "")) })
        try await requireMemory("end payment", of: replies)
        return zip(ends, replies).map { end, reply in
            Result { () throws(EngineError) in
                let (name, parts) = try Self.outcome("end payment", reply)
                let declines = parts.first?.int
                let status = parts.count > 1 ? parts[1].text.flatMap(BookingStatus.init(rawValue:)) : nil
                switch name {
                case "ended":
                    if let declines, let status,
                        let entry = Self.entry(.bookingUpdated, parts.dropFirst(2), of: end.payment.booking, end.payment.keyShard, end.trace)
                    {
                        return .ended(entry, declines: declines, status: status)
                    }
                case "ended_before": if let declines, let status { return .endedBefore(declines: declines, status: status) }
                case "other_payment": return .otherPayment
                case "missing": return .missing
                case "zone_missing": throw .zoneMissing("end payment")
                default: break
                }
                throw .unexpected("end payment", reply)
            }
        }
    }

    /// - Parameter fifth: what the two scripts differ in.
    private static func call(_ payment: Payment, _ trace: String, _ fifth: RedisArgument) -> RedisScriptCall {
        let shard = payment.keyShard
        return RedisScriptCall(
            keys: [Keys.hold(payment.booking, shard), Keys.payment(payment.id, shard)],
            arguments: [
                .int(Int64(shard.number)), .string(payment.booking.description), .string(trace), .string(payment.id.description), fifth,
            ] + recordArguments(payment))
    }
}
