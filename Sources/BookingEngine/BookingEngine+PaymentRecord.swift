public import Domain
import LuaScripts
import RedisClient

extension Payment {
    /// Where its keys are; of an id that this system never gave out, anywhere, since it finds nothing there.
    var keyShard: Shard { booking.shard ?? Shard(truncating: 0) }
}

extension BookingEngine {
    /// Writes how payments stand, for those who read them from Redis, all in one write; an older version changes nothing.
    public func put(_ payments: [Payment]) async throws(EngineError) {
        let calls = payments.map { RedisScriptCall(keys: [Keys.payment($0.id, $0.keyShard)], arguments: Self.recordArguments($0)) }
        for reply in try await evaluate(LuaScript.putPayment, calls) {
            do {
                _ = try reply.get(operation: "put payment")
            } catch {
                throw .redis("put payment", error)
            }
        }
    }

    /// Kept, version, status, then the other fields, as `payment.lua` takes them.
    static func recordArguments(_ payment: Payment) -> [RedisArgument] {
        [
            .int(paymentKept.inMilliseconds), .int(payment.version), .string(payment.status.rawValue), "booking",
            .string(payment.booking.description),
            "event", .string(payment.event.description), "user", .string(payment.user.description), "tenant", .string(payment.tenant.description),
            "amount", .int(payment.amountMinor), "currency", .string(payment.currency), "method", .string(payment.method.rawValue), "refunded",
            .int(payment.refundedMinor), "error_code", .string(payment.errorCode ?? ""), "error_message", .string(payment.errorMessage ?? ""),
            "created",
            .int(payment.createdAt.ms), "updated", .int(payment.updatedAt.ms),
        ]
    }

    /// Reads a payment from Redis, with the gateway's token while it is open; `nil` where Redis has none.
    public func payment(_ id: PaymentID) async throws(EngineError) -> (payment: Payment, token: String?)? {
        guard let shard = id.shard else { return nil }
        let reply = try await pipeline(
            "read payment",
            [
                RedisCommand(
                    "HMGET", Keys.payment(id, shard), "booking", "event", "user", "tenant", "method", "amount", "currency", "status", "version",
                    "refunded", "error_code", "error_message", "created", "updated", "token")
            ])[0]
        guard let parts = reply.elements, parts.count == 15, !parts[0].isNull else {
            try await requireMemory("read payment")
            return nil
        }
        guard let booking = parts[0].text.flatMap({ BookingID($0) }), let event = parts[1].text.flatMap({ EventID($0) }),
            let user = parts[2].text.flatMap({ UserID($0) }), let tenant = parts[3].text.flatMap({ TenantID($0) }),
            let method = parts[4].text.flatMap(PaymentMethod.init(rawValue:)), let amount = parts[5].int, let currency = parts[6].text,
            let status = parts[7].text.flatMap(PaymentStatus.init(rawValue:)), let version = parts[8].int, let refunded = parts[9].int,
            let created = parts[12].int, let updated = parts[13].int
        else { throw .unexpected("read payment", reply) }
        func present(_ index: Int) -> String? { parts[index].text.flatMap { $0.isEmpty ? nil : $0 } }
        let payment = Payment(
            id: id, booking: booking, event: event, user: user, tenant: tenant, method: method, amountMinor: amount, currency: currency,
            status: status, version: version, refundedMinor: refunded, errorCode: present(10), errorMessage: present(11),
            createdAt: Timestamp(ms: created), updatedAt: Timestamp(ms: updated))
        return (payment, present(14))
    }
}
