import Analytics

extension Figure {
    /// Its name in answers; the same as its column's.
    var member: StaticString {
        switch self {
        case .views: "views"
        case .reservations: "reservations"
        case .ticketsReserved: "tickets_reserved"
        case .conversions: "conversions"
        case .ticketsSold: "tickets_sold"
        case .cancellations: "cancellations"
        case .expiries: "expiries"
        case .refunds: "refunds"
        case .failedPayments: "failed_payments"
        case .queueJoins: "queue_joins"
        case .queueAdmissions: "queue_admissions"
        case .revenueMinor: "revenue_minor"
        case .refundedMinor: "refunded_minor"
        }
    }
}
