import Domain
import Logging
import PaymentGateway
import Testing
import WorkerRuntime

@testable import PaymentWorker

/// The fake gateway with single calls bent.
struct BentGateway: Gateway {
    let fake: FakeGateway
    var onConfirm: (@Sendable (String) throws(GatewayError) -> Intent?)?
    var onCancel: (@Sendable (_ id: String, _ key: String) throws(GatewayError) -> Intent?)?

    func createIntent(
        amountMinor: Int64, currency: String, method: String, paymentToken: String?, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> Intent {
        try await fake.createIntent(
            amountMinor: amountMinor, currency: currency, method: method, paymentToken: paymentToken, metadata: metadata,
            idempotencyKey: idempotencyKey)
    }

    func confirmIntent(_ id: String, paymentToken: String?, idempotencyKey: String) async throws(GatewayError) -> Intent {
        if let bent = try onConfirm?(id) { return bent }
        return try await fake.confirmIntent(id, paymentToken: paymentToken, idempotencyKey: idempotencyKey)
    }

    func intent(_ id: String) async throws(GatewayError) -> Intent { try await fake.intent(id) }

    func cancelIntent(_ id: String, idempotencyKey: String) async throws(GatewayError) -> Intent {
        if let bent = try onCancel?(id, idempotencyKey) { return bent }
        return try await fake.cancelIntent(id, idempotencyKey: idempotencyKey)
    }

    func refund(
        intent: String, amountMinor: Int64, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> GatewayRefund {
        try await fake.refund(intent: intent, amountMinor: amountMinor, metadata: metadata, idempotencyKey: idempotencyKey)
    }

    func refunds(intent: String) async throws(GatewayError) -> [GatewayRefund] { try await fake.refunds(intent: intent) }
}

extension BoxOffice {
    /// A copy of the worker at another gateway.
    func copy(at gateway: any Gateway) -> PaymentParts {
        PaymentParts(
            database: stores.database, engine: engine, gateway: gateway, group: "payment", publish: { _ in }, send: { _ in },
            now: { [self] in now() }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}
