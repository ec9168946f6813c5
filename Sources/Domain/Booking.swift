/// A booking's whole state after a transition.
public struct Booking: Equatable, Sendable {
    public var id: BookingID
    public var tenant: TenantID
    public var event: EventID
    public var show: ShowID
    public var zone: ZoneID
    public var user: UserID
    /// Tickets, 1 to 100.
    public var quantity: Int64
    /// The seats by name; empty for general admission.
    public var seats: [SeatID]
    /// Minor units of ``currency``.
    public var unitPriceMinor: Int64
    /// Minor units of ``currency``, fixed when reserved.
    public var totalMinor: Int64
    /// ISO 4217.
    public var currency: String
    public var status: BookingStatus
    /// Rises with every transition; it is the ETag.
    public var version: Int64
    public var createdAt: Timestamp
    /// When the hold ends if nothing happens.
    public var expiresAt: Timestamp
    public var updatedAt: Timestamp
    public var idempotencyKey: String
    /// The first 128 bits of the SHA-256 of the request body, in hex.
    public var bodyHash: String
    /// The payment that is open or was the last; absent before the first.
    public var payment: PaymentID?
    /// How that payment stands.
    public var paymentState: PaymentState?
    /// Payments of this booking that were declined.
    public var declines: Int64 = 0
    /// Why it ended as it did, where the status does not say it.
    public var reason: BookingReason?
    /// The tickets on which somebody went in, in the order of that.
    public var used: [TicketUse] = []

    /// How a booking's payment stands, as far as the booking is concerned.
    public enum PaymentState: String, Sendable, CaseIterable {
        /// Money may move: no other payment may begin, and the user cannot cancel.
        case open
        case success, failed, timeout
        /// Captured after the hold had ended, and given back.
        case refunded
    }

    /// Reads the members that the ingress wrote once (``Reservation/fragment``), with what the scripts keep beside them.
    public init(_ reader: inout JSONReader, also other: (String, inout JSONReader) throws(JSONError) -> Bool) throws(JSONError) {
        var draft = Draft()
        try reader.object { (key, value) throws(JSONError) in
            if try draft.take(key, from: &value) { return }
            if try other(key, &value) { return }
            try value.skip()
        }
        self = try draft.finish()
    }
}

extension Booking {
    /// Collects members in any order, then insists on the required ones.
    private struct Draft {
        var id: BookingID?
        var tenant: TenantID?
        var event: EventID?
        var show: ShowID?
        var zone: ZoneID?
        var user: UserID?
        var quantity: Int64?
        var seats: [SeatID] = []
        var unitPriceMinor: Int64?
        var totalMinor: Int64?
        var currency: String?
        var status: BookingStatus?
        var version: Int64?
        var createdAtMs: Int64?
        var expiresAtMs: Int64?
        var updatedAtMs: Int64?
        var idempotencyKey: String?
        var bodyHash: String?
        var payment: PaymentID?
        var paymentState: PaymentState?
        var declines: Int64 = 0
        var reason: BookingReason?
        var used: [TicketUse] = []

        mutating func take(_ key: String, from value: inout JSONReader) throws(JSONError) -> Bool {
            switch key {
            case "booking_id": id = try Self.identifier(&value)
            case "tenant_id": tenant = try Self.identifier(&value)
            case "event_id": event = try Self.identifier(&value)
            case "show_id": show = try Self.identifier(&value)
            case "zone_id": zone = try Self.identifier(&value)
            case "user_id": user = try Self.identifier(&value)
            case "quantity": quantity = try value.int()
            case "unit_price_minor": unitPriceMinor = try value.int()
            case "total_minor": totalMinor = try value.int()
            case "currency": currency = try value.string()
            case "status":
                status = BookingStatus(rawValue: try value.string())
                if status == nil { throw JSONError(path: [], reason: "is not a booking status") }
            case "version": version = try value.int()
            case "created_at_ms": createdAtMs = try value.int()
            case "expires_at_ms": expiresAtMs = try value.int()
            case "updated_at_ms": updatedAtMs = try value.int()
            case "idempotency_key": idempotencyKey = try value.string()
            case "body_hash": bodyHash = try value.string()
            case "payment_id": payment = try Self.identifier(&value)
            case "payment_state":
                paymentState = PaymentState(rawValue: try value.string())
                if paymentState == nil { throw JSONError(path: [], reason: "is not a state of a booking's payment") }
            case "declines": declines = try value.int()
            case "reason":
                reason = BookingReason(rawValue: try value.string())
                if reason == nil { throw JSONError(path: [], reason: "is not a booking's reason") }
            case "used": used = try TicketUse.read(&value)
            case "seat_ids": try value.array { (element) throws(JSONError) in seats.append(try Self.identifier(&element)) }
            default: return false
            }
            return true
        }

        func finish() throws(JSONError) -> Booking {
            var booking = Booking(
                id: try required(id, "booking_id"), tenant: try required(tenant, "tenant_id"), event: try required(event, "event_id"),
                show: try required(show, "show_id"), zone: try required(zone, "zone_id"), user: try required(user, "user_id"),
                quantity: try required(quantity, "quantity"), seats: seats, unitPriceMinor: try required(unitPriceMinor, "unit_price_minor"),
                totalMinor: try required(totalMinor, "total_minor"), currency: try required(currency, "currency"),
                status: try required(status, "status"), version: try required(version, "version"),
                createdAt: Timestamp(ms: try required(createdAtMs, "created_at_ms")),
                expiresAt: Timestamp(ms: try required(expiresAtMs, "expires_at_ms")),
                updatedAt: Timestamp(ms: try required(updatedAtMs, "updated_at_ms")),
                idempotencyKey: try required(idempotencyKey, "idempotency_key"), bodyHash: try required(bodyHash, "body_hash"))
            booking.payment = payment
            booking.paymentState = paymentState
            booking.declines = declines
            booking.reason = reason
            booking.used = used
            return booking
        }

        private func required<Value>(_ value: Value?, _ key: String) throws(JSONError) -> Value {
            guard let value else { throw JSONError(path: [key], reason: "is missing") }
            return value
        }

        private static func identifier<Kind>(_ value: inout JSONReader) throws(JSONError) -> Identifier<Kind> {
            guard let id = Identifier<Kind>(try value.string()) else { throw JSONError(path: [], reason: "must be a UUID") }
            return id
        }
    }

    public init(
        id: BookingID, tenant: TenantID, event: EventID, show: ShowID, zone: ZoneID, user: UserID, quantity: Int64, seats: [SeatID],
        unitPriceMinor: Int64, totalMinor: Int64, currency: String, status: BookingStatus, version: Int64, createdAt: Timestamp, expiresAt: Timestamp,
        updatedAt: Timestamp, idempotencyKey: String, bodyHash: String
    ) {
        self.id = id
        self.tenant = tenant
        self.event = event
        self.show = show
        self.zone = zone
        self.user = user
        self.quantity = quantity
        self.seats = seats
        self.unitPriceMinor = unitPriceMinor
        self.totalMinor = totalMinor
        self.currency = currency
        self.status = status
        self.version = version
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.updatedAt = updatedAt
        self.idempotencyKey = idempotencyKey
        self.bodyHash = bodyHash
    }
}
