import PaymentGateway

/// What this worker asks of a payment gateway; ``PaymentGateway`` is the one it is built with.
protocol Gateway: Sendable {
    /// Makes an unconfirmed intent; no money can move by it.
    func createIntent(
        amountMinor: Int64, currency: String, method: String, paymentToken: String?, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> Intent
    /// Lets the money move, once. A decline is an intent with an error, not a throw.
    func confirmIntent(_ id: String, paymentToken: String?, idempotencyKey: String) async throws(GatewayError) -> Intent
    /// Reads an intent.
    func intent(_ id: String) async throws(GatewayError) -> Intent
    /// Calls an intent off, where the gateway still can.
    func cancelIntent(_ id: String, idempotencyKey: String) async throws(GatewayError) -> Intent
    /// Gives money back.
    func refund(
        intent: String, amountMinor: Int64, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> GatewayRefund
    /// Reads all refunds of an intent.
    func refunds(intent: String) async throws(GatewayError) -> [GatewayRefund]
}

extension PaymentGateway: Gateway {}
