/// An intent's changing part, as an answer or event shows it.
struct IntentView: Equatable {
    enum Status: String {
        case requiresPaymentMethod = "requires_payment_method"
        case requiresConfirmation = "requires_confirmation"
        case processing
        case succeeded
        case canceled
    }

    var status: Status
    /// The payment method's name.
    var token: String?
    /// In minor units.
    var received: Int64 = 0
    var decline: PaymentToken.Decline?
    /// In Unix milliseconds; 0 when it is not.
    var canceledMs: Int64 = 0
}

/// An intent in the books.
struct IntentRecord {
    let id: String
    let amount: Int64
    let currency: String
    /// The payment method type.
    let method: String
    let metadata: [String: String]
    let createdMs: Int64
    var view: IntentView
    /// In minor units; refunds that failed do not count.
    var refunded: Int64 = 0
    /// Times the money was taken; never above 1.
    var captures = 0
    /// Times a second taking was refused.
    var refusedCaptures = 0
    /// Times it was confirmed.
    var confirmations = 0
    /// When it will be settled, in Unix milliseconds; 0 is never or not at all.
    var settlesAtMs: Int64 = 0
    /// Places in ``Books/refunds``.
    var refunds: [Int] = []
    /// Events made so far; numbers their ids.
    var events = 0
    /// Confirmations that arrived, also those that did nothing; not kept over a restart.
    var tries = 0
    /// A confirmation is at work that takes its time.
    var isLocked = false
}

/// A refund in the books.
struct RefundRecord {
    enum Status: String {
        case pending
        case succeeded
        case failed
    }

    let id: String
    /// Its place in ``Books/intents``.
    let intent: Int
    let amount: Int64
    let metadata: [String: String]
    let createdMs: Int64
    var status: Status
    var settlesAtMs: Int64 = 0
}

/// What a request is answered with: small, so that it can be kept with its idempotency key, and made into bytes when it is wanted.
enum Answer {
    case intent(Int, IntentView)
    /// 402: the intent is not paid.
    case declined(Int, IntentView, PaymentToken.Decline)
    case refund(Int, RefundRecord.Status)
    /// An error, with the intent it is about.
    case failure(status: Int, type: String, code: String?, message: String, intent: (Int, IntentView)? = nil)
}

/// Something that happened, to be told by webhook.
struct BookEvent {
    /// `evt_…`, the same at each start.
    let id: String
    let type: String
    let createdMs: Int64
    let subject: Answer
    /// How it is to be told.
    let manner: PaymentToken.Events
}

/// All intents and refunds, and the answers to requests with an idempotency key. A pure state machine: the same entries give the same books.
struct Books {
    private(set) var intents: [IntentRecord] = []
    private(set) var refunds: [RefundRecord] = []
    private var intentPlaces: [String: Int] = [:]
    private var refundPlaces: [String: Int] = [:]
    private var keys = IdempotencyKeys()

    func intent(_ id: String) -> Int? { intentPlaces[id] }

    func refund(_ id: String) -> Int? { refundPlaces[id] }

    /// What a request with this key was answered; nil when it is new.
    mutating func answer(key: String, nowMs: Int64) -> (hash: Int64, answer: Answer)? { keys.answer(key, nowMs: nowMs) }

    /// A confirmation arrived.
    mutating func countTry(_ place: Int) -> Int {
        intents[place].tries += 1
        return intents[place].tries
    }

    /// A confirmation is at work that takes its time, or was.
    mutating func lock(_ place: Int, _ isLocked: Bool) { intents[place].isLocked = isLocked }

    /// Applies an entry that the rules allow; returns what the request is answered with, and what is to be told.
    mutating func apply(_ entry: JournalEntry) -> (answer: Answer?, events: [BookEvent]) {
        var events: [BookEvent] = []
        let answer: Answer?
        switch entry.kind {
        case .create: answer = create(entry)
        case .confirm: answer = confirm(entry, &events)
        case .settle: answer = settle(entry, &events)
        case .cancel: answer = cancel(entry, &events)
        case .refund: answer = refund(entry, &events)
        case .settleRefund: answer = settleRefund(entry, &events)
        case .delivered: answer = nil
        }
        if let key = entry.key, let answer { keys.store(key, answer, nowMs: entry.atMs) }
        return (answer, events)
    }

    private mutating func create(_ entry: JournalEntry) -> Answer? {
        guard intentPlaces[entry.id] == nil else { return nil }
        let view = IntentView(status: entry.token == nil ? .requiresPaymentMethod : .requiresConfirmation, token: entry.token)
        intentPlaces[entry.id] = intents.count
        intents.append(
            IntentRecord(
                id: entry.id, amount: entry.amount, currency: entry.currency, method: entry.method, metadata: entry.metadata,
                createdMs: entry.atMs, view: view))
        return .intent(intents.count - 1, view)
    }

    private mutating func confirm(_ entry: JournalEntry, _ events: inout [BookEvent]) -> Answer? {
        guard let place = intentPlaces[entry.id], let name = entry.token, let token = PaymentToken.named(name) else { return nil }
        intents[place].confirmations += 1
        intents[place].view.token = name
        if token.isDelayed(method: intents[place].method) {
            intents[place].view.status = .processing
            intents[place].view.decline = nil
            intents[place].settlesAtMs = entry.settlesAtMs
            events.append(event("payment_intent.processing", place, entry))
            return .intent(place, intents[place].view)
        }
        return finish(place, token, entry, &events)
    }

    private mutating func settle(_ entry: JournalEntry, _ events: inout [BookEvent]) -> Answer? {
        guard let place = intentPlaces[entry.id], intents[place].view.status == .processing, let token = token(place) else { return nil }
        intents[place].settlesAtMs = 0
        return finish(place, token, entry, &events)
    }

    /// The money is taken, or refused.
    private mutating func finish(_ place: Int, _ token: PaymentToken, _ entry: JournalEntry, _ events: inout [BookEvent]) -> Answer {
        switch token.outcome {
        case .succeeds:
            capture(place)
            if case .twice = token.answer { capture(place) }
            events.append(event("payment_intent.succeeded", place, entry))
            return .intent(place, intents[place].view)
        case .declined(let decline):
            intents[place].view.status = .requiresPaymentMethod
            intents[place].view.token = nil
            intents[place].view.decline = decline
            events.append(event("payment_intent.payment_failed", place, entry, manner: token.events))
            return .declined(place, intents[place].view, decline)
        }
    }

    /// Takes the money, unless it was.
    private mutating func capture(_ place: Int) {
        guard intents[place].captures == 0, intents[place].view.status != .canceled else {
            intents[place].refusedCaptures += 1
            return
        }
        intents[place].captures = 1
        intents[place].view.status = .succeeded
        intents[place].view.received = intents[place].amount
        intents[place].view.decline = nil
    }

    private mutating func cancel(_ entry: JournalEntry, _ events: inout [BookEvent]) -> Answer? {
        guard let place = intentPlaces[entry.id], intents[place].captures == 0 else { return nil }
        intents[place].view.status = .canceled
        intents[place].view.canceledMs = entry.atMs
        intents[place].settlesAtMs = 0
        events.append(event("payment_intent.canceled", place, entry))
        return .intent(place, intents[place].view)
    }

    private mutating func refund(_ entry: JournalEntry, _ events: inout [BookEvent]) -> Answer? {
        guard let place = intentPlaces[entry.intent], refundPlaces[entry.id] == nil,
            intents[place].refunded + entry.amount <= intents[place].view.received
        else { return nil }
        refundPlaces[entry.id] = refunds.count
        intents[place].refunded += entry.amount
        intents[place].refunds.append(refunds.count)
        refunds.append(
            RefundRecord(
                id: entry.id, intent: place, amount: entry.amount, metadata: entry.metadata, createdMs: entry.atMs,
                status: entry.settlesAtMs == 0 ? .succeeded : .pending, settlesAtMs: entry.settlesAtMs))
        let answer = Answer.refund(refunds.count - 1, refunds[refunds.count - 1].status)
        events.append(event("refund.created", place, entry, subject: answer))
        return answer
    }

    private mutating func settleRefund(_ entry: JournalEntry, _ events: inout [BookEvent]) -> Answer? {
        guard let refund = refundPlaces[entry.id], refunds[refund].status == .pending else { return nil }
        let place = refunds[refund].intent
        refunds[refund].settlesAtMs = 0
        refunds[refund].status = entry.isSuccess ? .succeeded : .failed
        if !entry.isSuccess { intents[place].refunded -= refunds[refund].amount }
        let answer = Answer.refund(refund, refunds[refund].status)
        events.append(event(entry.isSuccess ? "refund.updated" : "refund.failed", place, entry, subject: answer))
        return answer
    }

    private func token(_ place: Int) -> PaymentToken? { intents[place].view.token.flatMap(PaymentToken.named) }

    private mutating func event(
        _ type: String, _ place: Int, _ entry: JournalEntry, subject: Answer? = nil, manner: PaymentToken.Events? = nil
    ) -> BookEvent {
        intents[place].events += 1
        return BookEvent(
            id: "evt_\(intents[place].id.dropFirst(3))_\(intents[place].events)", type: type, createdMs: entry.atMs,
            subject: subject ?? .intent(place, intents[place].view), manner: manner ?? token(place)?.events ?? .normal)
    }
}

extension PaymentToken {
    /// Whether a confirmation is `processing` first.
    func isDelayed(method: String) -> Bool {
        switch settlement {
        case .byMethod: method != "card"
        case .later, .never: true
        }
    }
}
