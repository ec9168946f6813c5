import NIOCore

/// A request that the rules refuse.
struct Refusal: Error {
    let answer: Answer

    init(_ code: String?, _ message: String, status: Int = 400, type: String = "invalid_request_error", intent: (Int, IntentView)? = nil) {
        answer = .failure(status: status, type: type, code: code, message: message, intent: intent)
    }
}

extension Simulator {
    /// The frame of every write: idempotency, the rules (`plan`), the failures that the payment method or chance wants, the books, the answer.
    /// - Parameter plan: the entry and the manner; throws what the rules refuse. Called again when the effect comes later than the request.
    func write(
        _ request: Request, _ reply: Reply,
        _ plan: @escaping (FormFields, JournalEntry.Key?) throws(Refusal) -> (entry: JournalEntry, manner: Manner)
    ) {
        guard let fields = FormFields(request.body.readableBytesView) else {
            return answer(reply, Refusal(nil, "The request body is not a form.").answer)
        }
        var key: JournalEntry.Key?
        if let text = request.headers.first(name: "idempotency-key") {
            guard !text.isEmpty, text.utf8.count <= SimulatorLimits.maxKeyBytes else {
                return answer(reply, Refusal(nil, "The idempotency key is too long.", type: "idempotency_error").answer)
            }
            key = JournalEntry.Key(text: text, hash: fields.hash(path: request.path))
        }
        if let key, isKnown(key, request, reply) { return }
        let planned: (entry: JournalEntry, manner: Manner)
        do throws(Refusal) {
            planned = try plan(fields, key)
        } catch {
            return answer(reply, error.answer)
        }
        let manner = planned.manner.isNormal ? chaos.manner() ?? planned.manner : planned.manner
        switch manner.before {
        case .proceed: break
        case .hang: return reply.hang()
        case .close: return reply.close()
        case .fail: return answer(reply, Self.internalError)
        case .tooMany:
            let (_, body) = StripeJSON.render(Refusal("rate_limit", "Too many requests.", status: 429).answer, books)
            return reply.send(status: 429, body, headers: [("retry-after", "1")])
        }
        if let key { busyKeys.insert(key.text) }
        guard manner.effectDelayMs > 0 else { return perform(planned.entry, manner, reply) }
        delay(planned.entry, manner, reply, fields, plan)
    }

    /// The effect comes later; meanwhile the intent is locked and the key busy.
    private func delay(
        _ entry: JournalEntry, _ manner: Manner, _ reply: Reply, _ fields: FormFields,
        _ plan: @escaping (FormFields, JournalEntry.Key?) throws(Refusal) -> (entry: JournalEntry, manner: Manner)
    ) {
        let place = books.intent(entry.id)
        if let place { books.lock(place, true) }
        let work = NIOLoopBound(
            { [self] in
                if let place { books.lock(place, false) }
                do throws(Refusal) {
                    perform(try plan(fields, entry.key).entry, manner, reply)
                } catch {
                    if let key = entry.key { busyKeys.remove(key.text) }
                }
            }, eventLoop: loop)
        loop.scheduleTask(in: .milliseconds(manner.effectDelayMs)) { work.value() }
    }

    private func perform(_ entry: JournalEntry, _ manner: Manner, _ reply: Reply) {
        commit(entry) { [self] result, events in
            if let key = entry.key { busyKeys.remove(key.text) }
            if entry.settlesAtMs > 0 { settleLater(entry.kind == .refund ? .settleRefund : .settle, entry.id, atMs: entry.settlesAtMs) }
            guard let result else { return answer(reply, Self.internalError) }
            if case .afterWebhook = manner.after, let event = events.first, configuration.webhookURL != nil {
                let send = OnceOnly { [self] in answer(reply, result) }
                webhooks.tell(event, as: nil) { send.run() }
                let late = NIOLoopBound(send, eventLoop: loop)
                loop.scheduleTask(in: .milliseconds(SimulatorLimits.webhookFirstMs)) { late.value.run() }
                return tell(Array(events.dropFirst()))
            }
            switch manner.after {
            case .answer, .afterWebhook: answer(reply, result)
            case .hang: reply.hang()
            case .fail: answer(reply, Self.internalError)
            case .close: reply.close()
            case .late(let ms): answer(reply, result, delayMs: ms)
            case .twice: answer(reply, result, times: 2)
            }
            tell(events)
        }
    }

    /// Answers a request whose key is known already.
    private func isKnown(_ key: JournalEntry.Key, _ request: Request, _ reply: Reply) -> Bool {
        if busyKeys.contains(key.text) {
            answer(
                reply,
                Refusal("idempotency_key_in_use", "There is currently another in-progress request using this idempotency key.", status: 409).answer)
            return true
        }
        guard let stored = books.answer(key: key.text, nowMs: WallClock.ms()) else { return false }
        guard stored.hash == key.hash else {
            let message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            answer(reply, Refusal(nil, message, type: "idempotency_error").answer)
            return true
        }
        if case .intent(_, let view) = stored.answer, request.path.hasSuffix("/confirm"), let token = view.token.flatMap(PaymentToken.named),
            case .failsAfter = token.answer
        {
            answer(reply, Self.internalError)
            return true
        }
        answer(reply, stored.answer, headers: [("idempotent-replayed", "true")])
        return true
    }

    /// Answers once everything so far is durable: nobody is told what a crash could take back.
    func answer(_ reply: Reply, _ answer: Answer, delayMs: Int64 = 0, headers: [(String, String)] = [], times: Int = 1) {
        let (status, body) = StripeJSON.render(answer, books)
        self.answer(reply, status: status, body: body, delayMs: delayMs, headers: headers, times: times)
    }

    /// The same for a body that is no single object.
    func answer(
        _ reply: Reply, status: Int = 200, body: [UInt8], delayMs: Int64 = 0, headers: [(String, String)] = [], times: Int = 1
    ) {
        let send = NIOLoopBound({ reply.send(status: status, body, headers: headers, times: times) }, eventLoop: loop)
        let wait = delayMs + configuration.latencyMs
        let loop = loop
        journal.whenDurable {
            if wait == 0 { send.value() } else { loop.scheduleTask(in: .milliseconds(wait)) { send.value() } }
        }
    }

    static let internalError = Refusal(nil, "An error occurred on our side.", status: 500, type: "api_error").answer
}

/// Runs its closure at the first call only. Confined to the event loop.
private final class OnceOnly {
    private var work: (() -> Void)?

    init(_ work: @escaping () -> Void) {
        self.work = work
    }

    func run() {
        work.take()?()
    }
}
