/// Money on its way back to a buyer: its whole state after a step.
public struct Refund: Equatable, Sendable {
    public let id: RefundID
    public let payment: PaymentID
    public let booking: BookingID
    public let event: EventID
    public let user: UserID
    public let tenant: TenantID
    public let cause: RefundCause
    /// Of what was paid.
    public let percent: Int64
    public let amountMinor: Int64
    /// ISO 4217.
    public let currency: String
    public var status: RefundStatus
    /// Rises with every change.
    public var version: Int64
    /// The operation that waits: the request's, later the decision's.
    public var operation: OperationID?
    /// The gateway's id, once it has given the money back.
    public var gatewayID: String?
    /// Who approved or rejected it.
    public var decidedBy: UserID?
    /// Why it came to nothing, as a word.
    public var errorCode: String?
    /// Why it came to nothing, for people.
    public var errorMessage: String?
    /// What the organiser gives on top for a cancelled event, in minor units of ``currency``; the voucher has the refund's id.
    public let voucherMinor: Int64?
    /// The rules went by it.
    public let requestedAt: Timestamp
    public let createdAt: Timestamp
    public var updatedAt: Timestamp

    public init(
        id: RefundID, payment: PaymentID, booking: BookingID, event: EventID, user: UserID, tenant: TenantID, cause: RefundCause, percent: Int64,
        amountMinor: Int64, currency: String, status: RefundStatus, version: Int64 = 1, operation: OperationID?, gatewayID: String? = nil,
        decidedBy: UserID? = nil, errorCode: String? = nil, errorMessage: String? = nil, voucherMinor: Int64? = nil, requestedAt: Timestamp,
        createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.payment = payment
        self.booking = booking
        self.event = event
        self.user = user
        self.tenant = tenant
        self.cause = cause
        self.percent = percent
        self.amountMinor = amountMinor
        self.currency = currency
        self.status = status
        self.version = version
        self.operation = operation
        self.gatewayID = gatewayID
        self.decidedBy = decidedBy
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.voucherMinor = voucherMinor
        self.requestedAt = requestedAt
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    /// The refund one step on.
    public func stepped(to status: RefundStatus, at now: Timestamp) -> Refund {
        var next = self
        next.status = status
        next.version += 1
        next.updatedAt = now
        return next
    }
}

extension Refund {
    /// The value of `refund.updated.v1`.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("refund_id", id)
            $0.member("payment_id", payment)
            $0.member("booking_id", booking)
            $0.member("event_id", event)
            $0.member("user_id", user)
            $0.member("tenant_id", tenant)
            $0.member("cause", cause.rawValue)
            $0.member("percent", percent)
            $0.member("amount_minor", amountMinor)
            $0.member("currency", currency)
            $0.member("status", status.rawValue)
            $0.member("version", version)
            $0.member("operation_id", ifPresent: operation?.description)
            $0.member("gateway_id", ifPresent: gatewayID)
            $0.member("decided_by", ifPresent: decidedBy?.description)
            $0.member("error_code", ifPresent: errorCode)
            $0.member("error_message", ifPresent: errorMessage)
            if let voucherMinor { $0.member("voucher_minor", voucherMinor) }
            $0.member("requested_at_ms", requestedAt.ms)
            $0.member("created_at_ms", createdAt.ms)
            $0.member("updated_at_ms", updatedAt.ms)
        }
        return writer.bytes
    }

    /// Reads the value of `refund.updated.v1`.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        guard let cause = RefundCause(rawValue: try members.text("cause")) else { throw JSONError(path: ["cause"], reason: "is not a cause") }
        guard let status = RefundStatus(rawValue: try members.text("status")) else {
            throw JSONError(path: ["status"], reason: "is not a refund status")
        }
        self.init(
            id: try members.sharded("refund_id"), payment: try members.sharded("payment_id"), booking: try members.sharded("booking_id"),
            event: try members.id("event_id"), user: try members.id("user_id"), tenant: try members.id("tenant_id"), cause: cause,
            percent: try members.number("percent"), amountMinor: try members.number("amount_minor"), currency: try members.text("currency"),
            status: status, version: try members.number("version"), operation: try members.operation(),
            gatewayID: members.optionalText("gateway_id"), decidedBy: members.optionalText("decided_by").flatMap { UserID($0) },
            errorCode: members.optionalText("error_code"), errorMessage: members.optionalText("error_message"),
            voucherMinor: members.optionalNumber("voucher_minor"), requestedAt: Timestamp(ms: try members.number("requested_at_ms")),
            createdAt: Timestamp(ms: try members.number("created_at_ms")), updatedAt: Timestamp(ms: try members.number("updated_at_ms")))
    }
}
