import Domain

extension Simulator {
    func createRefund(_ request: Request, _ reply: Reply) {
        write(request, reply) { [self] (fields, key) throws(Refusal) in
            guard let id = fields["payment_intent"] else { throw Refusal("parameter_missing", "Missing required param: payment_intent.") }
            let place = try place(id)
            let intent = books.intents[place]
            guard intent.view.received > 0 else {
                throw Refusal(
                    "payment_intent_unexpected_state", "This PaymentIntent does not have a successful charge to refund.",
                    intent: (place, intent.view))
            }
            let left = intent.view.received - intent.refunded
            guard left > 0, intent.refunds.count < SimulatorLimits.maxRefunds else {
                throw Refusal("charge_already_refunded", "The charge has already been refunded.")
            }
            var amount = left
            if let text = fields["amount"] {
                guard let number = Int64(text), number > 0 else {
                    throw Refusal("parameter_invalid_integer", "Invalid amount: must be at least 1.")
                }
                amount = number
            }
            guard amount <= left else {
                throw Refusal("charge_already_refunded", "The refund of \(amount) is greater than what is left of the charge, \(left).")
            }
            var entry = JournalEntry(.refund, id: RandomID.make("re_", using: SystemRandomNumberGenerator()), atMs: WallClock.ms(), key: key)
            entry.intent = id
            entry.amount = amount
            entry.metadata = try Self.metadata(fields)
            switch intent.view.token.flatMap(PaymentToken.named)?.refunds ?? .atOnce {
            case .atOnce: break
            case .later, .failLater: entry.settlesAtMs = entry.atMs + max(1, configuration.settleMs)
            }
            return (entry, Manner())
        }
    }

    func readRefund(_ id: String, _ reply: Reply) {
        guard let place = books.refund(id) else { return answer(reply, Self.missing("refund", id).answer) }
        read(reply) { [self] in answer(reply, .refund(place, books.refunds[place].status), delayMs: $0) }
    }

    func listRefunds(_ request: Request, _ reply: Reply) {
        let query = FormFields(request.query.utf8)
        var places = Array(books.refunds.indices)
        if let id = query?["payment_intent"] {
            guard let place = books.intent(id) else { return answer(reply, Self.missing("payment_intent", id).answer) }
            places = books.intents[place].refunds
        }
        page(places, query, start: query?["starting_after"].flatMap { books.refund($0) }, "/v1/refunds", reply) { [self] json, place in
            json.object { StripeJSON.refund(&$0, books.refunds[place], books.refunds[place].status, books) }
        }
    }

    func listIntents(_ request: Request, _ reply: Reply) {
        let query = FormFields(request.query.utf8)
        let start = query?["starting_after"].flatMap { books.intent($0) }
        page(books.intents.indices, query, start: start, "/v1/payment_intents", reply) { [self] json, place in
            json.object { StripeJSON.intent(&$0, books.intents[place], books.intents[place].view) }
        }
    }

    /// One page, the newest first.
    private func page(
        _ places: some BidirectionalCollection<Int>, _ query: FormFields?, start: Int?, _ url: String, _ reply: Reply,
        _ element: (inout JSONWriter, Int) -> Void
    ) {
        let limit = min(max(query?["limit"].flatMap { Int($0) } ?? 10, 1), SimulatorLimits.maxPage)
        if query?["starting_after"] != nil, start == nil {
            return answer(reply, Refusal("resource_missing", "No such object to start after.").answer)
        }
        let rest = places.reversed().lazy.filter { place in start.map { place < $0 } ?? true }
        let found = Array(rest.prefix(limit + 1))
        let body = StripeJSON.list(url: url, hasMore: found.count > limit) { json in
            for place in found.prefix(limit) { element(&json, place) }
        }
        read(reply) { answer(reply, body: body, delayMs: $0) }
    }
}
