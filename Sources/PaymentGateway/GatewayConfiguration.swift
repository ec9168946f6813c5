/// Where the payment gateway is, and every limit of a ``PaymentGateway``.
public struct GatewayConfiguration: Sendable {
    /// Scheme, host and port without a path, such as `https://api.stripe.com` or the simulator's `http://127.0.0.1:8420`.
    public var baseURL: String
    /// Sent as a bearer token; printed as `***`.
    public var secretKey: String
    /// Sent as `Stripe-Version`, so that the shape of answers does not change under us; nil sends none.
    public var apiVersion: String?
    /// The gateway's own payment method type for each method of ours; a method that is missing is sent as it is.
    public var methodTypes: [String: String]
    /// Where the gateway sends the buyer back to, for methods that lead away from the site; nil sends none.
    public var returnURL: String?
    /// Limit of one try.
    public var timeout: Duration
    /// Name look-up, TCP and TLS of one try.
    public var connectTimeout: Duration
    /// Connections, and so requests in flight; the others wait.
    public var maxConnections: Int
    /// Calls waiting or in flight; one more is refused as ``GatewayError/Code/overloaded``.
    public var maxPending: Int
    /// Tries of one call, the first included.
    public var maxAttempts: Int
    /// No try begins later than this after the call.
    public var retryWindow: Duration
    /// Pause before the second try; doubled each time up to ``backoffMaximum``, of which a random half to whole is waited.
    public var backoffMinimum: Duration
    /// Longest pause between two tries; a longer `Retry-After` ends the call instead.
    public var backoffMaximum: Duration
    /// Failed calls in a row that open the circuit; 0 keeps it closed for ever.
    public var breakerThreshold: Int
    /// How long an open circuit refuses calls before it lets one through; doubled after each failed probe, up to ``breakerMaximum``.
    public var breakerMinimum: Duration
    /// Longest time that an open circuit refuses calls.
    public var breakerMaximum: Duration

    /// All limits at their defaults.
    public init(
        baseURL: String, secretKey: String, apiVersion: String? = "2025-03-31.basil",
        methodTypes: [String: String] = ["card": "card", "bank_transfer": "customer_balance", "wallet": "alipay"], returnURL: String? = nil,
        timeout: Duration = .seconds(10), connectTimeout: Duration = .seconds(2), maxConnections: Int = 64, maxPending: Int = 4_096,
        maxAttempts: Int = 3, retryWindow: Duration = .seconds(10), backoffMinimum: Duration = .milliseconds(100),
        backoffMaximum: Duration = .seconds(2), breakerThreshold: Int = 10, breakerMinimum: Duration = .seconds(1),
        breakerMaximum: Duration = .seconds(15)
    ) {
        self.baseURL = baseURL
        self.secretKey = secretKey
        self.apiVersion = apiVersion
        self.methodTypes = methodTypes
        self.returnURL = returnURL
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.maxConnections = maxConnections
        self.maxPending = maxPending
        self.maxAttempts = maxAttempts
        self.retryWindow = retryWindow
        self.backoffMinimum = backoffMinimum
        self.backoffMaximum = backoffMaximum
        self.breakerThreshold = breakerThreshold
        self.breakerMinimum = breakerMinimum
        self.breakerMaximum = breakerMaximum
    }
}

extension GatewayConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address without the key.
    public var description: String { "\(baseURL) (key ***)" }

    /// The same as ``description``, so that `dump` and `reflecting` show no secret either.
    public var debugDescription: String { description }

    /// Only the address.
    public var customMirror: Mirror { Mirror(self, children: ["baseURL": baseURL]) }
}
