/// The value of `payment.charge.v1`: the payment as `begin_payment.lua` made it. The gateway's token is not in it; it stays in Redis until it is used.
public struct ChargeCommand: Equatable, Sendable {
    public let payment: Payment
    /// The operation that waits for the end; none when the booking was reserved and charged in one request.
    public let operation: OperationID?

    public init(payment: Payment, operation: OperationID?) {
        self.payment = payment
        self.operation = operation
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        var payment = try Payment(json: json)
        let operation = payment.operation
        payment.operation = nil
        self.init(payment: payment, operation: operation)
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            payment.write(&$0)
            $0.member("operation_id", ifPresent: operation?.description)
        }
        return writer.bytes
    }
}

/// The value of `payment.advance.v1` and `payment.webhook.v1`: look at a payment again.
public struct AdvanceCommand: Equatable, Sendable {
    public let payment: PaymentID
    public let booking: BookingID

    public init(payment: PaymentID, booking: BookingID) {
        self.payment = payment
        self.booking = booking
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        self.init(payment: try members.sharded("payment_id"), booking: try members.sharded("booking_id"))
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("payment_id", payment)
            $0.member("booking_id", booking)
        }
        return writer.bytes
    }
}

/// The value of `payment.refund.v1`: money is asked back.
public struct RefundCommand: Equatable, Sendable {
    public let refund: RefundID
    public let payment: PaymentID
    public let booking: BookingID
    public let user: UserID
    public let tenant: TenantID
    public let cause: RefundCause
    /// When it was asked for: the rules go by it.
    public let requestedAt: Timestamp
    /// The operation that waits for the end; none for a cancelled event.
    public let operation: OperationID?

    public init(
        refund: RefundID, payment: PaymentID, booking: BookingID, user: UserID, tenant: TenantID, cause: RefundCause, requestedAt: Timestamp,
        operation: OperationID?
    ) {
        self.refund = refund
        self.payment = payment
        self.booking = booking
        self.user = user
        self.tenant = tenant
        self.cause = cause
        self.requestedAt = requestedAt
        self.operation = operation
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        guard let cause = RefundCause(rawValue: try members.text("cause")) else { throw JSONError(path: ["cause"], reason: "is not a cause") }
        self.init(
            refund: try members.sharded("refund_id"), payment: try members.sharded("payment_id"), booking: try members.sharded("booking_id"),
            user: try members.id("user_id"), tenant: try members.id("tenant_id"), cause: cause,
            requestedAt: Timestamp(ms: try members.number("requested_at_ms")), operation: try members.operation())
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("refund_id", refund)
            $0.member("payment_id", payment)
            $0.member("booking_id", booking)
            $0.member("user_id", user)
            $0.member("tenant_id", tenant)
            $0.member("cause", cause.rawValue)
            $0.member("requested_at_ms", requestedAt.ms)
            $0.member("operation_id", ifPresent: operation?.description)
        }
        return writer.bytes
    }
}

/// The value of `payment.decide_refund.v1`: the organiser approves or rejects.
public struct RefundDecision: Equatable, Sendable {
    public let operation: OperationID
    public let refund: RefundID
    public let booking: BookingID
    /// Who decided.
    public let user: UserID
    public let tenant: TenantID
    public let isApproved: Bool

    public init(operation: OperationID, refund: RefundID, booking: BookingID, user: UserID, tenant: TenantID, isApproved: Bool) {
        self.operation = operation
        self.refund = refund
        self.booking = booking
        self.user = user
        self.tenant = tenant
        self.isApproved = isApproved
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        let decision = try members.text("decision")
        guard decision == "approve" || decision == "reject" else { throw JSONError(path: ["decision"], reason: "must be approve or reject") }
        self.init(
            operation: try members.sharded("operation_id"), refund: try members.sharded("refund_id"), booking: try members.sharded("booking_id"),
            user: try members.id("user_id"), tenant: try members.id("tenant_id"), isApproved: decision == "approve")
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", operation)
            $0.member("refund_id", refund)
            $0.member("booking_id", booking)
            $0.member("user_id", user)
            $0.member("tenant_id", tenant)
            $0.member("decision", isApproved ? "approve" : "reject")
        }
        return writer.bytes
    }
}

/// The value of `payment.refund_event.v1`: an event is cancelled, and every booking of it is to be refunded.
public struct EventCancellation: Equatable, Sendable {
    public let operation: OperationID
    public let event: EventID
    /// Who cancelled it.
    public let user: UserID
    public let tenant: TenantID

    public init(operation: OperationID, event: EventID, user: UserID, tenant: TenantID) {
        self.operation = operation
        self.event = event
        self.user = user
        self.tenant = tenant
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        self.init(
            operation: try members.sharded("operation_id"), event: try members.id("event_id"), user: try members.id("user_id"),
            tenant: try members.id("tenant_id"))
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", operation)
            $0.member("event_id", event)
            $0.member("user_id", user)
            $0.member("tenant_id", tenant)
        }
        return writer.bytes
    }
}
