import BookingEngine
import Domain

/// What the scripts must do, said once more in Swift: what Redis answers and keeps is compared with it after every step.
///
/// Predictions are texts, `released` or `wrong_state confirmed`, as the outcomes' ``Summarized/summary`` spells them.
struct LifecycleModel {
    /// One booking.
    struct Hold {
        let id: BookingID
        let zone: Int
        let user: Int
        let quantity: Int64
        /// Places on the zone's map.
        let seats: [Int]
        var status: BookingStatus = .reserved
        var version: Int64 = 1
        var payment: PaymentID?
        var paymentState: Booking.PaymentState?
        var declines: Int64 = 0
        var reason: BookingReason?
        var by = ""
        /// Whether its due time was made to go by.
        var isPast = false
    }

    /// One zone.
    struct Zone {
        let event: Int
        let capacity: Int64
        let isNumbered: Bool
        let maximumPerUser: Int64
        let allowsBankTransfer: Bool
        /// Loading it was its first change.
        var version: Int64 = 1
    }

    var zones: [Zone]
    var holds: [BookingID: Hold] = [:]
    /// In the order of their making, so that a seed finds the same ones again.
    var order: [BookingID] = []
    /// What changed since the last comparison.
    var touched: Set<BookingID> = []

    // MARK: What follows from the bookings

    func counts(_ zone: Int) -> ZoneCounts {
        func sum(_ status: BookingStatus) -> Int64 {
            order.reduce(0) { total, id in
                guard let hold = holds[id], hold.zone == zone, hold.status == status else { return total }
                return total + hold.quantity
            }
        }
        let (held, sold, capacity) = (sum(.reserved), sum(.confirmed), zones[zone].capacity)
        return ZoneCounts(capacity: capacity, available: capacity - held - sold, held: held, sold: sold, version: zones[zone].version)
    }

    func map(_ zone: Int) -> String {
        var map = Array(repeating: UInt8(ascii: "f"), count: Int(zones[zone].capacity))
        for id in order {
            guard let hold = holds[id], hold.zone == zone, hold.status.isLive else { continue }
            for seat in hold.seats { map[seat] = UInt8(ascii: hold.status == .reserved ? "h" : "s") }
        }
        return String(decoding: map, as: UTF8.self)
    }

    func tickets(_ user: Int, event: Int) -> Int64 {
        order.reduce(0) { total, id in
            guard let hold = holds[id], hold.user == user, zones[hold.zone].event == event, hold.status.isLive else { return total }
            return total + hold.quantity
        }
    }

    // MARK: The scripts

    func reserve(_ user: Int, _ zone: Int, quantity: Int64, seats: [Int]) -> String {
        if tickets(user, event: zones[zone].event) + quantity > zones[zone].maximumPerUser { return "over_limit" }
        if counts(zone).available < quantity { return "out_of_stock" }
        let map = Array(map(zone).utf8)
        return seats.contains { map[$0] != UInt8(ascii: "f") } ? "seat_taken" : "reserved"
    }

    mutating func reserved(_ hold: Hold) {
        holds[hold.id] = hold
        order.append(hold.id)
        touched.insert(hold.id)
        zones[hold.zone].version += 1
    }

    mutating func begin(_ booking: BookingID, _ user: Int, _ payment: PaymentID, _ method: PaymentMethod) -> String {
        guard let hold = holds[booking] else { return "missing" }
        if hold.user != user { return "not_yours" }
        if hold.status == .expired || (hold.status == .reserved && hold.isPast) { return "expired" }
        if hold.status != .reserved { return "wrong_state \(hold.status)" }
        if hold.paymentState == .open { return "open" }
        if hold.declines >= 3 { return "declined_too_often" }
        if method == .bankTransfer, !zones[hold.zone].allowsBankTransfer { return "method_not_allowed" }
        change(booking) {
            $0.payment = payment
            $0.paymentState = .open
        }
        return "begun"
    }

    mutating func confirm(_ booking: BookingID, _ payment: PaymentID) -> String {
        guard let hold = holds[booking] else { return "missing" }
        if hold.payment == payment, hold.status == .confirmed || hold.status == .refunded { return "confirmed_before" }
        if hold.status.isFinal { return "ended \(hold.status)" }
        if hold.payment != payment || hold.paymentState != .open { return "other_payment" }
        change(booking, movesSeats: true) {
            $0.status = .confirmed
            $0.paymentState = .success
        }
        return "confirmed"
    }

    mutating func end(_ booking: BookingID, _ payment: PaymentID, _ state: Booking.PaymentState, _ reason: BookingReason?) -> String {
        guard let hold = holds[booking] else { return "missing" }
        if hold.payment != payment || hold.paymentState == .success { return "other_payment" }
        if hold.paymentState != .open, state != .refunded || hold.paymentState == .refunded { return "ended_before \(hold.declines) \(hold.status)" }
        change(booking) {
            $0.paymentState = state
            if state == .failed, $0.status == .reserved { $0.declines += 1 }
            $0.reason = $0.reason ?? reason
        }
        return "ended \(holds[booking]?.declines ?? -1) \(hold.status)"
    }

    mutating func release(_ booking: BookingID, _ status: BookingStatus, by: String, _ reason: BookingReason?) -> String {
        guard let hold = holds[booking] else { return "missing" }
        if hold.status == status, !by.isEmpty, hold.by == by { return "released_before" }
        if !status.predecessors.contains(hold.status) { return "wrong_state \(hold.status)" }
        if status == .expired, !hold.isPast { return "not_due" }
        if status == .cancelled, reason == nil, hold.paymentState == .open { return "payment_open" }
        change(booking, movesSeats: true) {
            $0.status = status
            $0.by = by
            $0.reason = reason ?? $0.reason
        }
        return "released"
    }

    func accept(_ booking: BookingID, _ user: Int, _ status: BookingStatus) -> String {
        guard let hold = holds[booking] else { return "missing" }
        if hold.user != user { return "not_yours" }
        if hold.status != status { return "wrong_state \(hold.status)" }
        return hold.paymentState == .open ? "payment_open" : "accepted"
    }

    private mutating func change(_ booking: BookingID, movesSeats: Bool = false, _ body: (inout Hold) -> Void) {
        guard var hold = holds[booking] else { return }
        body(&hold)
        hold.version += 1
        holds[booking] = hold
        touched.insert(booking)
        if movesSeats { zones[hold.zone].version += 1 }
    }
}
