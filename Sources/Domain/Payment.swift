/// One attempt to pay a booking: its whole state after a step.
public struct Payment: Equatable, Sendable {
    public let id: PaymentID
    public let booking: BookingID
    public let event: EventID
    public let user: UserID
    public let tenant: TenantID
    public let method: PaymentMethod
    /// Minor units of ``currency``; the booking's total, set by the script that began the payment.
    public let amountMinor: Int64
    /// ISO 4217.
    public let currency: String
    public var status: PaymentStatus
    /// Rises with every step; it is the ETag.
    public var version: Int64
    /// Minor units given back.
    public var refundedMinor: Int64
    /// Why it failed: a word, the gateway's where it gave one.
    public var errorCode: String?
    /// Why it failed, for people.
    public var errorMessage: String?
    public let createdAt: Timestamp
    public var updatedAt: Timestamp
    /// The gateway's id of the intent, once it is committed. Only the payment worker's rows and events have it, so that the rows can be made of the events.
    public var intent: String?
    /// Minor units that the gateway took: nothing, or all. As ``intent``.
    public var capturedMinor: Int64 = 0
    /// The operation that waits for the end; none when the booking was reserved and charged in one request. As ``intent``.
    public var operation: OperationID?

    public init(
        id: PaymentID, booking: BookingID, event: EventID, user: UserID, tenant: TenantID, method: PaymentMethod, amountMinor: Int64,
        currency: String, status: PaymentStatus = .pending, version: Int64 = 1, refundedMinor: Int64 = 0, errorCode: String? = nil,
        errorMessage: String? = nil, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.booking = booking
        self.event = event
        self.user = user
        self.tenant = tenant
        self.method = method
        self.amountMinor = amountMinor
        self.currency = currency
        self.status = status
        self.version = version
        self.refundedMinor = refundedMinor
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    /// The payment one step on.
    public func stepped(
        to status: PaymentStatus, errorCode: String? = nil, errorMessage: String? = nil, refundedMinor: Int64? = nil, at now: Timestamp
    ) -> Payment {
        var next = self
        next.status = status
        next.version += 1
        next.errorCode = errorCode
        next.errorMessage = errorMessage
        next.refundedMinor = refundedMinor ?? self.refundedMinor
        next.updatedAt = now
        return next
    }

    /// The event that tells of its state; none tells of `pending`, since the command does.
    public var messageType: MessageType? {
        switch status {
        case .pending: nil
        case .processing: .paymentProcessing
        case .success: .paymentSuccess
        case .failed, .timeout: .paymentFailed
        case .refunded, .partiallyRefunded: .paymentRefunded
        }
    }
}

extension Payment {
    /// The members, as events and commands carry them.
    public func write(_ writer: inout JSONWriter) {
        writer.member("payment_id", id)
        writer.member("booking_id", booking)
        writer.member("event_id", event)
        writer.member("user_id", user)
        writer.member("tenant_id", tenant)
        writer.member("method", method.rawValue)
        writer.member("amount_minor", amountMinor)
        writer.member("currency", currency)
        writer.member("status", status.rawValue)
        writer.member("version", version)
        writer.member("refunded_minor", refundedMinor)
        if capturedMinor > 0 || status.isPaid { writer.member("captured_minor", capturedMinor) }
        writer.member("intent_id", ifPresent: intent)
        writer.member("error_code", ifPresent: errorCode)
        writer.member("error_message", ifPresent: errorMessage)
        writer.member("created_at_ms", createdAt.ms)
        writer.member("updated_at_ms", updatedAt.ms)
        writer.member("operation_id", ifPresent: operation?.description)
    }

    /// The value of the `payment.*` events.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { write(&$0) }
        return writer.bytes
    }

    /// Reads the value of a `payment.*` event.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        try self.init(Members(json))
    }

    init(_ members: Members) throws(JSONError) {
        guard let method = PaymentMethod(rawValue: try members.text("method")) else {
            throw JSONError(path: ["method"], reason: "is not a payment method")
        }
        guard let status = PaymentStatus(rawValue: try members.text("status")) else {
            throw JSONError(path: ["status"], reason: "is not a payment status")
        }
        self.init(
            id: try members.sharded("payment_id"), booking: try members.sharded("booking_id"), event: try members.id("event_id"),
            user: try members.id("user_id"), tenant: try members.id("tenant_id"), method: method, amountMinor: try members.number("amount_minor"),
            currency: try members.text("currency"), status: status, version: try members.number("version"),
            refundedMinor: try members.number("refunded_minor"), errorCode: members.optionalText("error_code"),
            errorMessage: members.optionalText("error_message"), createdAt: Timestamp(ms: try members.number("created_at_ms")),
            updatedAt: Timestamp(ms: try members.number("updated_at_ms")))
        intent = members.optionalText("intent_id")
        operation = try members.operation()
        // Told once there is something to tell; events of earlier builds do not, but it follows from them.
        capturedMinor = members.optionalNumber("captured_minor") ?? (status.isPaid ? amountMinor : 0)
    }
}
