/// The body of `POST /bookings/reserve`, checked as far as that is possible without the stores.
public struct ReserveRequest: Equatable, Sendable {
    /// Tickets in one booking, at most (SPEC, section 2).
    public static let maximumQuantity: Int64 = 100

    public let event: EventID
    public let show: ShowID
    public let zone: ZoneID
    /// Tickets; for named seats their number.
    public let quantity: Int64
    /// Empty for general admission.
    public let seats: [SeatID]
    /// How it is paid without a second request, where the client wants that.
    public let payment: PaymentMeans?

    /// Reads and checks the JSON.
    /// - Throws: every fault that was found, each with its field.
    public init(json: [UInt8]) throws(ValidationFailure) {
        var fields = Fields()
        do {
            var reader = JSONReader(json)
            try fields.read(&reader)
            try reader.end()
        } catch {
            throw ValidationFailure(error)
        }
        self = try fields.validated()
    }

    private struct Fields {
        var event: String?
        var show: String?
        var zone: String?
        var quantity: Int64?
        var seats: [String]?
        var payment: PaymentMeans.Fields?

        mutating func read(_ reader: inout JSONReader) throws(JSONError) {
            try reader.object { (key, value) throws(JSONError) in
                switch key {
                case "event_id": event = try value.string()
                case "show_id": show = try value.string()
                case "zone_id": zone = try value.string()
                case "quantity": if !value.null() { quantity = try value.int() }
                case "seat_ids":
                    if value.null() { return }
                    var ids: [String] = []
                    try value.array { (element) throws(JSONError) in
                        ids.append(try element.string())
                        if ids.count > ReserveRequest.maximumQuantity { throw JSONError(path: [], reason: "must hold at most 100 seats") }
                    }
                    seats = ids
                case "payment":
                    if value.null() { return }
                    var fields = PaymentMeans.Fields()
                    try value.object { (key, value) throws(JSONError) in
                        guard try fields.take(key, &value) else { throw JSONError(path: [], reason: "is not a known field") }
                    }
                    payment = fields
                default: throw JSONError(path: [], reason: "is not a known field")
                }
            }
        }

        func validated() throws(ValidationFailure) -> ReserveRequest {
            var faults: [ValidationFailure.Fault] = []
            func id<Kind>(_ field: String, _ text: String?) -> Identifier<Kind>? {
                guard let text else {
                    faults.append(.init(field: field, reason: "is required"))
                    return nil
                }
                guard let id = Identifier<Kind>(text) else {
                    faults.append(.init(field: field, reason: "must be a UUID"))
                    return nil
                }
                return id
            }
            let event: EventID? = id("event_id", event)
            let show: ShowID? = id("show_id", show)
            let zone: ZoneID? = id("zone_id", zone)
            var named: [SeatID] = []
            if let seats {
                if seats.isEmpty { faults.append(.init(field: "seat_ids", reason: "must not be empty")) }
                named = seats.compactMap { SeatID($0) }
                if named.count != seats.count { faults.append(.init(field: "seat_ids", reason: "must hold UUIDs")) }
                if Set(named).count != named.count { faults.append(.init(field: "seat_ids", reason: "must not name a seat twice")) }
                if let quantity, quantity != Int64(seats.count) {
                    faults.append(.init(field: "quantity", reason: "must be absent or the number of seat_ids"))
                }
            } else if let quantity {
                if quantity < 1 || quantity > ReserveRequest.maximumQuantity {
                    faults.append(.init(field: "quantity", reason: "must be from 1 to \(ReserveRequest.maximumQuantity)"))
                }
            } else {
                faults.append(.init(field: "quantity", reason: "is required, or seat_ids"))
            }
            let means = payment?.validated(&faults, prefix: "payment.")
            guard faults.isEmpty, let event, let show, let zone else { throw ValidationFailure(faults: faults) }
            return ReserveRequest(event: event, show: show, zone: zone, quantity: quantity ?? Int64(named.count), seats: named, payment: means)
        }
    }

    private init(event: EventID, show: ShowID, zone: ZoneID, quantity: Int64, seats: [SeatID], payment: PaymentMeans?) {
        self.event = event
        self.show = show
        self.zone = zone
        self.quantity = quantity
        self.seats = seats
        self.payment = payment
    }
}

/// Input that cannot be accepted, with every field that is at fault.
public struct ValidationFailure: Error, Equatable {
    /// One field and what is wrong with it.
    public struct Fault: Equatable, Sendable {
        public let field: String
        public let reason: String

        public init(field: String, reason: String) {
            self.field = field
            self.reason = reason
        }
    }

    public let faults: [Fault]

    public init(faults: [Fault]) {
        self.faults = faults
    }

    public init(_ error: JSONError) {
        faults = [Fault(field: error.field, reason: error.reason)]
    }
}
