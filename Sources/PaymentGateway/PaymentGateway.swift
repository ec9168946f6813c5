import CurlClient
import Domain
public import Logging
import Synchronization

/// A client for a payment gateway with Stripe's API of PaymentIntents and Refunds.
///
/// Every write carries the caller's idempotency key and is repeated under it, within bounds, where the connection failed or the gateway asks for it.
/// A time-out is not repeated: it is told, and the caller reads the intent or makes the same call again.
public final class PaymentGateway: Sendable {
    /// As given.
    public let configuration: GatewayConfiguration
    let http: CurlClient
    let logger: Logger
    let breaker: Mutex<CircuitBreaker>

    /// Refunds asked for at a time; Stripe's own limit.
    static let pageSize = 100
    /// Pages of refunds that are read; a booking has a handful of refunds at most.
    static let maxPages = 20

    /// A client that takes no call yet; see ``start()``.
    public init(configuration: GatewayConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        http = CurlClient(
            configuration: CurlConfiguration(
                timeout: configuration.timeout, connectTimeout: configuration.connectTimeout, maxConnections: configuration.maxConnections,
                maxPending: configuration.maxPending))
        breaker = Mutex(
            CircuitBreaker(
                threshold: configuration.breakerThreshold, minimum: configuration.breakerMinimum, maximum: configuration.breakerMaximum))
    }

    /// Starts the I/O thread and returns; nothing is sent yet.
    /// - Throws: ``GatewayError`` with code `system` or `stopped`.
    public func start() throws(GatewayError) {
        do { try http.start() } catch { throw GatewayError.transport(error, operation: "start", isWrite: false) }
    }

    /// Refuses new calls, lets those in flight finish for a few seconds, and closes the connections.
    public func shutdown() async {
        await http.shutdown()
    }

    /// Whether the circuit is closed; false means that calls fail at once, but for a probe now and then.
    public var isAvailable: Bool { breaker.withLock { $0.isClosed } }

    /// Creates an intent, unconfirmed: no money moves.
    /// - Parameters:
    ///   - currency: ISO 4217, any case.
    ///   - method: `card`, `bank_transfer` or `wallet`; see ``GatewayConfiguration/methodTypes``.
    ///   - metadata: entries with an empty value are left out, since the gateway keeps none.
    ///   - paymentToken: the gateway's name of the buyer's card or account; may also be given at the confirmation.
    public func createIntent(
        amountMinor: Int64, currency: String, method: String, paymentToken: String?, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> Intent {
        var form = FormBody()
        form.append("amount", String(amountMinor))
        form.append("currency", currency.lowercased())
        form.append("confirm", "false")
        form.append("payment_method_types[]", configuration.methodTypes[method] ?? method)
        if let paymentToken { form.append("payment_method", paymentToken) }
        let metadata = metadata.filter { !$0.value.isEmpty }
        form.append("metadata", metadata)
        let call = GatewayCall(operation: "create intent", path: "/v1/payment_intents", form: form, idempotencyKey: idempotencyKey)
        let intent = try await intent(call)
        // An answer that belongs to another request must not be taken for ours: the metadata tells them apart.
        guard intent.amountMinor == amountMinor, intent.currency == currency.uppercased(), intent.metadata == metadata else {
            throw GatewayError(
                code: .unexpectedReply, operation: call.operation, message: "the answer is about another intent", isFateUnknown: true)
        }
        return intent
    }

    /// Confirms an intent: here the money moves, at most once.
    ///
    /// A decline is an intent with status `requiresPaymentMethod` and a `lastError`. A refusal because of the intent's state (it is confirmed or
    /// cancelled already) is the intent as it is.
    public func confirmIntent(_ id: String, paymentToken: String?, idempotencyKey: String) async throws(GatewayError) -> Intent {
        var form = FormBody()
        if let paymentToken { form.append("payment_method", paymentToken) }
        if let returnURL = configuration.returnURL { form.append("return_url", returnURL) }
        return try await change(
            id, GatewayCall(operation: "confirm intent", path: path(id) + "/confirm", form: form, idempotencyKey: idempotencyKey))
    }

    /// Reads an intent.
    public func intent(_ id: String) async throws(GatewayError) -> Intent {
        try checked(await intent(GatewayCall(operation: "read intent", path: path(id))), is: id, operation: "read intent")
    }

    /// Calls an intent off. One that can no longer be called off (`succeeded`, `processing`) is answered as it is: look at its status.
    public func cancelIntent(_ id: String, idempotencyKey: String) async throws(GatewayError) -> Intent {
        try await change(
            id, GatewayCall(operation: "cancel intent", path: path(id) + "/cancel", form: FormBody(), idempotencyKey: idempotencyKey))
    }

    /// Gives back a part or all of what an intent took.
    public func refund(
        intent: String, amountMinor: Int64, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> GatewayRefund {
        var form = FormBody()
        form.append("payment_intent", intent)
        form.append("amount", String(amountMinor))
        let metadata = metadata.filter { !$0.value.isEmpty }
        form.append("metadata", metadata)
        let call = GatewayCall(operation: "refund", path: "/v1/refunds", form: form, idempotencyKey: idempotencyKey)
        let response = try await perform(call)
        let refund = try read(response, call) { body throws(JSONError) in try GatewayJSON.refund(body) }
        guard refund.amountMinor == amountMinor, refund.intent == intent, refund.metadata == metadata else {
            throw GatewayError(
                code: .unexpectedReply, operation: call.operation, message: "the answer is about another refund", isFateUnknown: true)
        }
        return refund
    }

    /// All refunds of an intent, the newest first.
    public func refunds(intent: String) async throws(GatewayError) -> [GatewayRefund] {
        var refunds: [GatewayRefund] = []
        for _ in 0..<Self.maxPages {
            var query = "?payment_intent=\(FormBody.encoded(intent))&limit=\(Self.pageSize)"
            if let last = refunds.last { query += "&starting_after=\(FormBody.encoded(last.id))" }
            let call = GatewayCall(operation: "read refunds", path: "/v1/refunds" + query)
            let response = try await perform(call)
            let page = try read(response, call) { body throws(JSONError) in try GatewayJSON.refunds(body) }
            guard page.refunds.allSatisfy({ $0.intent == intent }) else {
                throw GatewayError(code: .unexpectedReply, operation: call.operation, message: "a refund of another intent")
            }
            refunds.append(contentsOf: page.refunds)
            if !page.hasMore || page.refunds.isEmpty { return refunds }
        }
        throw GatewayError(code: .unexpectedReply, operation: "read refunds", message: "more than \(Self.maxPages * Self.pageSize) refunds")
    }

    private func path(_ id: String) -> String { "/v1/payment_intents/" + FormBody.encoded(id) }
}
