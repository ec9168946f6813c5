import Domain
import KafkaClient
import Topics

/// Invariant 5: no seat without money, no money without a seat, to the minor unit.
struct MoneyCheck: Sendable {
    let reports: PostgresInventory
    let money: MoneyInventory
    /// `nil` where the gateway's books cannot be read.
    let books: GatewayBooks?

    func check(_ kafka: String, atRest: Bool) async throws -> InventoryReport.Invariant {
        var invariant = InventoryReport.Invariant(5, "captured - refunded = confirmed + in flight + retained")
        guard atRest else {
            invariant.skipped = "not at rest"
            return invariant
        }
        for payment in money.payments.values { check(payment, &invariant) }
        checkBookings(&invariant)
        let told = try await PaymentFold.read(bootstrapServers: kafka)
        for payment in money.payments.values where payment.status != .pending {
            guard let event = told.payments[payment.payment] else {
                invariant.violated("payment \(payment.payment): \(payment.status.rawValue) in PostgreSQL, not on the topics")
                continue
            }
            if (event.status, event.version, event.refundedMinor) != (payment.status, payment.version, payment.refundedMinor) {
                invariant.violated(
                    "payment \(payment.payment): PostgreSQL \(payment.status.rawValue) v\(payment.version), topics \(event.status.rawValue) v\(event.version)"
                )
            }
        }
        for id in told.payments.keys where money.payments[id] == nil {
            invariant.violated("payment \(id): on the topics, not in PostgreSQL")
        }
        if let books { check(books, &invariant) }
        return invariant
    }

    /// What must be left of a payment's money.
    private func check(_ payment: MoneyInventory.Row, _ invariant: inout InventoryReport.Invariant) {
        invariant.checked += 1
        let name = "payment \(payment.payment) of booking \(payment.booking)"
        let given = money.refunds.values.filter { $0.payment == payment.payment && $0.status == .succeeded }.reduce(0) { $0 + $1.amountMinor }
        let net = payment.capturedMinor - payment.refundedMinor
        switch payment.saga {
        case .confirmed:
            if payment.capturedMinor != payment.amountMinor { invariant.violated("\(name): confirmed, captured \(payment.capturedMinor)") }
            if payment.refundedMinor != given { invariant.violated("\(name): refunded \(payment.refundedMinor), its refunds are \(given)") }
            let status = reports.bookings[payment.booking]?.status
            let isRight = given > 0 ? status == .refunded : status == .confirmed || payment.amountMinor == 0
            if !isRight { invariant.violated("\(name): confirmed, \(net) kept, and the booking is \(status?.rawValue ?? "unknown")") }
        case .failed:
            if net != 0 { invariant.violated("\(name): failed, and \(net) are kept") }
        case .created, .reserved:
            if net != 0 { invariant.violated("\(name): not captured, and \(net) are kept") }
        case .paid, .compensating: invariant.violated("\(name): \(payment.saga.rawValue), though nothing is on its way")
        }
    }

    /// Every sold seat has its money, once.
    private func checkBookings(_ invariant: inout InventoryReport.Invariant) {
        let confirming = Dictionary(grouping: money.payments.values.filter { $0.saga == .confirmed }, by: \.booking)
        for (id, booking) in reports.bookings {
            invariant.checked += 1
            let payments = confirming[id] ?? []
            if payments.count > 1 { invariant.violated("booking \(id): sold by \(payments.count) payments") }
            guard booking.status == .confirmed || booking.status == .refunded else {
                if !payments.isEmpty { invariant.violated("booking \(id): \(booking.status.rawValue), and a payment confirmed it") }
                continue
            }
            guard let payment = payments.first else {
                invariant.violated("booking \(id): \(booking.status.rawValue) without a payment that confirmed it")
                continue
            }
            if payment.amountMinor != booking.totalMinor {
                invariant.violated("booking \(id): costs \(booking.totalMinor), paid \(payment.amountMinor)")
            }
            if booking.payment != payment.payment { invariant.violated("booking \(id): names another payment than the one that confirmed it") }
        }
    }

    /// What the gateway says must be what we say.
    private func check(_ books: GatewayBooks, _ invariant: inout InventoryReport.Invariant) {
        var captured: [PaymentID: Int] = [:]
        for intent in books.intents where intent.capturedMinor > 0 || intent.refundedMinor > 0 {
            invariant.checked += 1
            guard let id = intent.payment, let payment = money.payments[id] else {
                invariant.violated("intent \(intent.id): captured \(intent.capturedMinor) for no payment of ours")
                continue
            }
            captured[id, default: 0] += 1
            if intent.capturedMinor != payment.capturedMinor || intent.refundedMinor != payment.refundedMinor {
                invariant.violated(
                    "payment \(id): the gateway captured \(intent.capturedMinor) and gave \(intent.refundedMinor) back, "
                        + "PostgreSQL has \(payment.capturedMinor) and \(payment.refundedMinor)")
            }
        }
        for (id, count) in captured where count > 1 { invariant.violated("payment \(id): captured \(count) times") }
        for payment in money.payments.values where payment.capturedMinor > 0 && captured[payment.payment] == nil {
            invariant.violated("payment \(payment.payment): captured in PostgreSQL, not at the gateway")
        }
    }
}
