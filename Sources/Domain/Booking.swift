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
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        var seats: [SeatID] = []

        mutating func take(_ key: String, from value: inout JSONReader) throws(JSONError) -> Bool {
            switch key {
            case "booking_id", "tenant_id", "event_id", "show_id", "zone_id", "user_id", "currency", "status", "idempotency_key", "body_hash":
                texts[key] = try value.string()
            case "quantity", "unit_price_minor", "total_minor", "version", "created_at_ms", "expires_at_ms", "updated_at_ms":
                numbers[key] = try value.int()
            case "seat_ids":
                try value.array { (element) throws(JSONError) in
                    guard let seat = SeatID(try element.string()) else { throw JSONError(path: [], reason: "must hold UUIDs") }
                    seats.append(seat)
                }
            default: return false
            }
            return true
        }

        func finish() throws(JSONError) -> Booking {
            guard let status = BookingStatus(rawValue: try text("status")) else {
                throw JSONError(path: ["status"], reason: "is not a booking status")
            }
            return Booking(
                id: try id("booking_id"), tenant: try id("tenant_id"), event: try id("event_id"), show: try id("show_id"), zone: try id("zone_id"),
                user: try id("user_id"), quantity: try number("quantity"), seats: seats, unitPriceMinor: try number("unit_price_minor"),
                totalMinor: try number("total_minor"), currency: try text("currency"), status: status, version: try number("version"),
                createdAt: Timestamp(ms: try number("created_at_ms")), expiresAt: Timestamp(ms: try number("expires_at_ms")),
                updatedAt: Timestamp(ms: try number("updated_at_ms")), idempotencyKey: try text("idempotency_key"), bodyHash: try text("body_hash"))
        }

        private func text(_ key: String) throws(JSONError) -> String {
            guard let text = texts[key] else { throw JSONError(path: [key], reason: "is missing") }
            return text
        }

        private func number(_ key: String) throws(JSONError) -> Int64 {
            guard let number = numbers[key] else { throw JSONError(path: [key], reason: "is missing") }
            return number
        }

        private func id<Kind>(_ key: String) throws(JSONError) -> Identifier<Kind> {
            guard let id = Identifier<Kind>(try text(key)) else { throw JSONError(path: [key], reason: "must be a UUID") }
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
