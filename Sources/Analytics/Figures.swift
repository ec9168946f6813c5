/// What is counted of an event's sale. Each is a column of `analytics_daily` and `analytics_realtime`.
public enum Figure: String, Sendable, CaseIterable {
    /// Looks at the event's page.
    case views
    /// Bookings made, and their tickets.
    case reservations
    case ticketsReserved = "tickets_reserved"
    /// Bookings confirmed, and their tickets.
    case conversions
    case ticketsSold = "tickets_sold"
    case cancellations, expiries
    /// Confirmed bookings that were given back.
    case refunds
    case failedPayments = "failed_payments"
    case queueJoins = "queue_joins"
    case queueAdmissions = "queue_admissions"
    /// What the confirmed bookings cost, in minor units.
    case revenueMinor = "revenue_minor"
    /// What was given back of it, in minor units.
    case refundedMinor = "refunded_minor"

    /// Whether it is money, in minor units of the row's currency.
    public var isMoney: Bool { self == .revenueMinor || self == .refundedMinor }

    /// Its place in ``Figures``.
    var index: Int { Self.places[self] ?? 0 }
    private static let places = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
}

/// A number for each ``Figure``.
public struct Figures: Sendable, Hashable {
    private var values = [Int64](repeating: 0, count: Figure.allCases.count)

    public init() {}

    public subscript(figure: Figure) -> Int64 {
        get { values[figure.index] }
        set { values[figure.index] = newValue }
    }

    /// Whether nothing was counted.
    public var isEmpty: Bool { values.allSatisfy { $0 == 0 } }

    public static func += (left: inout Figures, right: Figures) {
        for index in left.values.indices { left.values[index] += right.values[index] }
    }

    /// Counts messages of one type. This is the one place that says what counts as what.
    /// - Parameters:
    ///   - count: how many messages.
    ///   - quantity: the sum of their tickets.
    ///   - amountMinor: the sum of their money.
    public mutating func count(_ type: String, _ count: Int64, quantity: Int64, amountMinor: Int64) {
        switch type {
        case "analytics.viewed.v1": self[.views] += count
        case "booking.created.v1":
            self[.reservations] += count
            self[.ticketsReserved] += quantity
        case "booking.confirmed.v1":
            self[.conversions] += count
            self[.ticketsSold] += quantity
            self[.revenueMinor] += amountMinor
        case "booking.cancelled.v1": self[.cancellations] += count
        case "booking.expired.v1": self[.expiries] += count
        case "booking.refunded.v1": self[.refunds] += count
        case "payment.failed.v1": self[.failedPayments] += count
        case "payment.refunded.v1": self[.refundedMinor] += amountMinor
        case "queue.joined.v1": self[.queueJoins] += count
        case "queue.admitted.v1": self[.queueAdmissions] += count
        default: break
        }
    }
}
