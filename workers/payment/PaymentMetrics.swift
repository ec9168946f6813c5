import Domain
import Metrics
import Telemetry

/// What this worker counts beside what every worker does. Labels: the payment's last status, and what was asked of the gateway.
struct PaymentMetrics: Sendable {
    private let outcomes: [PaymentStatus: Counter]
    /// Captured amounts that were not the payment's.
    let mismatches: Counter
    /// Refunds that the gateway refused.
    let refusedRefunds: Counter
    /// Sagas that are not final.
    let open: Meter

    init(registry: PrometheusRegistry = Telemetry.registry) {
        outcomes = Dictionary(
            uniqueKeysWithValues: PaymentStatus.allCases.map { status in
                (status, Counter(label: "payments_total", dimensions: [("outcome", status.rawValue)], factory: registry))
            })
        mismatches = Counter(label: "payment_amount_mismatches_total", factory: registry)
        refusedRefunds = Counter(label: "refunds_refused_total", factory: registry)
        open = Meter(label: "payment_sagas_open", factory: registry)
    }

    /// Counts a saga that has ended.
    func ended(_ saga: Saga) { outcomes[saga.payment.status]?.increment() }
}
