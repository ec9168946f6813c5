import Metrics
import PaymentGateway
import Telemetry

/// A gateway whose answers are timed, by call, and whose failures are counted, by kind.
struct TimedGateway: Gateway {
    private enum Call: String, CaseIterable {
        case create, confirm, read, cancel, refund
        case readRefunds = "read_refunds"
    }

    private let gateway: any Gateway
    private let timers: [Call: Timer]
    private let failures: [GatewayError.Code: Counter]

    init(_ gateway: any Gateway, registry: PrometheusRegistry = Telemetry.registry) {
        self.gateway = gateway
        timers = Dictionary(
            uniqueKeysWithValues: Call.allCases.map { call in
                (call, Timer(label: "gateway_request_duration_seconds", dimensions: [("call", call.rawValue)], factory: registry))
            })
        failures = Dictionary(
            uniqueKeysWithValues: GatewayError.Code.allCases.map { code in
                (code, Counter(label: "gateway_failures_total", dimensions: [("code", code.rawValue)], factory: registry))
            })
    }

    func createIntent(
        amountMinor: Int64, currency: String, method: String, paymentToken: String?, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> Intent {
        try await timed(.create) { () async throws(GatewayError) in
            try await gateway.createIntent(
                amountMinor: amountMinor, currency: currency, method: method, paymentToken: paymentToken, metadata: metadata,
                idempotencyKey: idempotencyKey)
        }
    }

    func confirmIntent(_ id: String, paymentToken: String?, idempotencyKey: String) async throws(GatewayError) -> Intent {
        try await timed(.confirm) { () async throws(GatewayError) in
            try await gateway.confirmIntent(id, paymentToken: paymentToken, idempotencyKey: idempotencyKey)
        }
    }

    func intent(_ id: String) async throws(GatewayError) -> Intent {
        try await timed(.read) { () async throws(GatewayError) in try await gateway.intent(id) }
    }

    func cancelIntent(_ id: String, idempotencyKey: String) async throws(GatewayError) -> Intent {
        try await timed(.cancel) { () async throws(GatewayError) in try await gateway.cancelIntent(id, idempotencyKey: idempotencyKey) }
    }

    func refund(
        intent: String, amountMinor: Int64, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> GatewayRefund {
        try await timed(.refund) { () async throws(GatewayError) in
            try await gateway.refund(intent: intent, amountMinor: amountMinor, metadata: metadata, idempotencyKey: idempotencyKey)
        }
    }

    func refunds(intent: String) async throws(GatewayError) -> [GatewayRefund] {
        try await timed(.readRefunds) { () async throws(GatewayError) in try await gateway.refunds(intent: intent) }
    }

    private func timed<Value>(_ call: Call, _ body: () async throws(GatewayError) -> Value) async throws(GatewayError) -> Value {
        let start = ContinuousClock.now
        defer {
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            timers[call]?.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        }
        do {
            return try await body()
        } catch {
            failures[error.code]?.increment()
            throw error
        }
    }
}
