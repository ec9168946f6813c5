extension Simulator {
    func createIntent(_ request: Request, _ reply: Reply) {
        write(request, reply) { (fields, key) throws(Refusal) in
            var entry = JournalEntry(.create, id: RandomID.make("pi_", using: SystemRandomNumberGenerator()), atMs: WallClock.ms(), key: key)
            guard let amount = fields["amount"].flatMap({ Int64($0) }), (1...SimulatorLimits.maxAmount).contains(amount) else {
                throw Refusal("parameter_invalid_integer", "Invalid amount: must be 1 to \(SimulatorLimits.maxAmount).")
            }
            guard let currency = fields["currency"]?.lowercased(), currency.utf8.count == 3,
                currency.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
            else { throw Refusal("parameter_missing", "Missing required param: currency.") }
            if fields["confirm"].map({ $0 != "false" }) == true {
                throw Refusal("parameter_unknown", "This simulator creates payment intents unconfirmed only.")
            }
            let methods = fields.list("payment_method_types")
            guard methods.count <= 1 else { throw Refusal("parameter_unknown", "This simulator takes one payment method type.") }
            entry.amount = amount
            entry.currency = currency
            entry.method = methods.first ?? "card"
            guard Self.methodTypes.contains(entry.method) else {
                throw Refusal("parameter_unknown", "The payment method type is not known to this simulator.")
            }
            entry.token = try Self.token(fields)
            entry.metadata = try Self.metadata(fields)
            return (entry, Manner())
        }
    }

    func confirmIntent(_ id: String, _ request: Request, _ reply: Reply) {
        write(request, reply) { [self] (fields, key) throws(Refusal) in
            let place = try place(id)
            let intent = books.intents[place]
            guard let name = try Self.token(fields) ?? intent.view.token, let token = PaymentToken.named(name) else {
                throw unexpected(place, "You cannot confirm this PaymentIntent because it's missing a payment method.")
            }
            guard intent.view.status == .requiresConfirmation || intent.view.status == .requiresPaymentMethod else {
                throw unexpected(place, "You cannot confirm this PaymentIntent because it has a status of \(intent.view.status.rawValue).")
            }
            guard intent.confirmations < SimulatorLimits.maxConfirmations else {
                throw unexpected(place, "This PaymentIntent was confirmed too often.")
            }
            var entry = JournalEntry(.confirm, id: id, atMs: WallClock.ms(), key: key)
            entry.token = name
            switch token.settlement {
            case .never: break
            case .byMethod, .later: if token.isDelayed(method: intent.method) { entry.settlesAtMs = entry.atMs + configuration.settleMs }
            }
            return (entry, Manner(token.answer, attempt: books.countTry(place), lateMs: configuration.lateMs))
        }
    }

    func cancelIntent(_ id: String, _ request: Request, _ reply: Reply) {
        write(request, reply) { [self] (_, key) throws(Refusal) in
            let place = try place(id)
            let view = books.intents[place].view
            let canCancel =
                switch view.status {
                case .requiresPaymentMethod, .requiresConfirmation: true
                case .processing: view.token.flatMap(PaymentToken.named)?.canCancelProcessing ?? true
                case .succeeded, .canceled: false
                }
            guard canCancel else {
                throw unexpected(place, "You cannot cancel this PaymentIntent because it has a status of \(view.status.rawValue).")
            }
            return (JournalEntry(.cancel, id: id, atMs: WallClock.ms(), key: key), Manner())
        }
    }

    func readIntent(_ id: String, _ reply: Reply) {
        guard let place = books.intent(id) else { return answer(reply, Self.missing("payment_intent", id).answer) }
        read(reply) { [self] in answer(reply, .intent(place, books.intents[place].view), delayMs: $0) }
    }

    /// Reads fail at random too.
    func read(_ reply: Reply, _ work: (_ delayMs: Int64) -> Void) {
        guard let manner = chaos.manner() else { return work(0) }
        switch (manner.before, manner.after) {
        case (.hang, _), (_, .hang): reply.hang()
        case (.close, _), (_, .close): reply.close()
        case (.proceed, .late(let ms)): work(ms)
        case (.proceed, .answer), (.proceed, .twice), (.proceed, .afterWebhook): work(0)
        default: answer(reply, Self.internalError)
        }
    }

    /// The place of an intent that can be worked on.
    func place(_ id: String) throws(Refusal) -> Int {
        guard let place = books.intent(id) else { throw Self.missing("payment_intent", id) }
        guard !books.intents[place].isLocked else {
            throw Refusal(
                "lock_timeout", "This object cannot be accessed right now because another API request is currently accessing it.", status: 429)
        }
        return place
    }

    private func unexpected(_ place: Int, _ message: String) -> Refusal {
        Refusal("payment_intent_unexpected_state", message, intent: (place, books.intents[place].view))
    }

    static func missing(_ kind: String, _ id: String) -> Refusal {
        Refusal("resource_missing", "No such \(kind): '\(id.prefix(64))'", status: 404)
    }

    private static func token(_ fields: FormFields) throws(Refusal) -> String? {
        guard let name = fields["payment_method"] else { return nil }
        guard PaymentToken.named(name) != nil else { throw Refusal("resource_missing", "No such PaymentMethod: '\(name.prefix(64))'") }
        return name
    }

    static func metadata(_ fields: FormFields) throws(Refusal) -> [String: String] {
        let metadata = fields.dictionary("metadata")
        let limit = SimulatorLimits.maxMetadata
        guard metadata.count <= limit.entries,
            metadata.allSatisfy({ $0.key.utf8.count <= limit.keyBytes && $0.value.utf8.count <= limit.valueBytes })
        else {
            throw Refusal(
                "parameter_invalid", "Metadata may have \(limit.entries) keys of \(limit.keyBytes) and values of \(limit.valueBytes) characters.")
        }
        return metadata
    }

    /// Stripe's names of the methods that are simulated; all but the card take their time.
    private static let methodTypes: Set<String> = [
        "card", "customer_balance", "us_bank_account", "sepa_debit", "alipay", "wechat_pay", "grabpay", "promptpay", "paypal",
    ]
}
