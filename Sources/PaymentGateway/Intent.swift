/// A payment at the gateway: Stripe's PaymentIntent, as far as it is used here.
public struct Intent: Sendable, Equatable {
    /// Stripe's states, without `requires_capture`, which only a manual capture has.
    public enum Status: String, Sendable, CaseIterable {
        /// Not paid: no payment method yet, or it was declined (then ``Intent/lastError`` says why).
        case requiresPaymentMethod = "requires_payment_method"
        /// Created, and no money moved.
        case requiresConfirmation = "requires_confirmation"
        /// The buyer has to do something at the bank or wallet.
        case requiresAction = "requires_action"
        /// The money is on its way; a webhook tells the end.
        case processing
        /// The money was taken.
        case succeeded
        /// Called off: no money can move any more.
        case canceled
    }

    /// Why the last try to pay failed.
    public struct PaymentError: Sendable, Equatable {
        /// Such as `card_declined` or `expired_card`; of a bounded set, so it can be shown and counted.
        public let code: String
        /// The bank's reason, such as `insufficient_funds`.
        public let declineCode: String?
        /// For people, in the gateway's words.
        public let message: String

        public init(code: String, declineCode: String? = nil, message: String = "") {
            self.code = code
            self.declineCode = declineCode
            self.message = message
        }
    }

    /// `pi_…`
    public let id: String
    public let status: Status
    /// What was asked for, in the currency's minor units.
    public let amountMinor: Int64
    /// What was taken, in the currency's minor units; 0 unless succeeded. Refunds do not lower it.
    public let amountReceivedMinor: Int64
    /// ISO 4217, in upper case.
    public let currency: String
    /// As given at the creation.
    public let metadata: [String: String]
    public let lastError: PaymentError?

    public init(
        id: String, status: Status, amountMinor: Int64, amountReceivedMinor: Int64, currency: String, metadata: [String: String] = [:],
        lastError: PaymentError? = nil
    ) {
        self.id = id
        self.status = status
        self.amountMinor = amountMinor
        self.amountReceivedMinor = amountReceivedMinor
        self.currency = currency
        self.metadata = metadata
        self.lastError = lastError
    }
}

/// Money given back, or on its way: Stripe's Refund.
public struct GatewayRefund: Sendable, Equatable {
    public enum Status: String, Sendable, CaseIterable {
        case pending
        case succeeded
        case failed
        case canceled
        case requiresAction = "requires_action"
    }

    /// `re_…`
    public let id: String
    /// `pi_…`
    public let intent: String
    /// In the currency's minor units.
    public let amountMinor: Int64
    /// ISO 4217, in upper case.
    public let currency: String
    public let status: Status
    /// As given at the creation.
    public let metadata: [String: String]

    public init(id: String, intent: String, amountMinor: Int64, currency: String, status: Status, metadata: [String: String] = [:]) {
        self.id = id
        self.intent = intent
        self.amountMinor = amountMinor
        self.currency = currency
        self.status = status
        self.metadata = metadata
    }
}
