import BookingEngine
import Domain
import RedisClient

/// A few zones, users and seats, the real scripts, and the model beside them. One seed makes one history.
final class LifecycleWorld {
    let redis: RedisClient
    let engine: BookingEngine
    /// The zones; the first two are of one event.
    let shops: [Fixture]
    let users: [UserID] = (0..<4).map { _ in Fixture.id() }
    var model: LifecycleModel
    var ledger = LifecycleLedger()
    var store = LifecycleStore()
    var random: SeededGenerator
    /// What was done, newest last, for the report of a failure.
    private(set) var history: [String] = []
    /// Whether Redis was written since the last comparison.
    private var isTouched = true
    /// How often each outcome was met.
    var met: [String: Int] = [:]

    var sagaActors: [SagaActor] = []
    var refundActors: [RefundActor] = []
    var cancels: [CancelActor] = []
    var eventActors: [EventCancelActor] = []
    /// Bookings whose user asked for a refund that no worker has seen yet.
    var refundRequests: [BookingID] = []
    var fates: [PaymentID: LifecycleLedger.Fate] = [:]
    /// What the gateway does to every other payment of this history.
    let mood: LifecycleLedger.Fate
    /// Payments whose time is over.
    var overdue: Set<PaymentID> = []
    var cancelledEvents: Set<Int> = []

    init(_ redis: RedisClient, seed: UInt64) async throws {
        random = SeededGenerator(seed: seed)
        mood = ([.succeeds, .succeedsLater, .declines] as [LifecycleLedger.Fate])[Int(seed % 3)]
        self.redis = redis
        engine = BookingEngine(redis: redis, limits: .unhurried)
        var first = Fixture(redis, capacity: 5, perUser: 3, limits: .unhurried)
        var second = Fixture(redis, seats: 5, perUser: 3, limits: .unhurried)
        var third = Fixture(redis, capacity: 3, perUser: 2, limits: .unhurried)
        (second.settings.event, second.settings.show) = (first.settings.event, first.settings.show)
        (first.settings.allowsBankTransfer, second.settings.allowsBankTransfer) = (true, true)
        second.settings.priceMinor = 999
        third.settings.priceMinor = 0
        shops = [first, second, third]
        model = LifecycleModel(zones: [
            .init(event: 0, capacity: 5, isNumbered: false, maximumPerUser: 3, allowsBankTransfer: true),
            .init(event: 0, capacity: 5, isNumbered: true, maximumPerUser: 3, allowsBankTransfer: true),
            .init(event: 1, capacity: 3, isNumbered: false, maximumPerUser: 2, allowsBankTransfer: false),
        ])
        _ = try await redis.send(RedisCommand("FLUSHALL"))
        for shop in shops { _ = try await shop.load() }
    }

    func note(_ text: String) {
        history.append(text)
    }

    func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw LifecycleFailure(text()) }
    }

    func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

    /// Compares what a script said with what it had to say.
    func compare(_ what: String, of booking: BookingID? = nil, _ predicted: String, _ outcome: some Summarized) throws {
        note("\(what)\(booking.map { " of \(name($0))" } ?? ""): \(outcome.summary)")
        met["\(what): \(outcome.summary)", default: 0] += 1
        isTouched = true
        try expect(outcome.summary == predicted, "\(what) said \(outcome.summary) instead of \(predicted)")
    }

    func shop(of booking: BookingID) -> Fixture { shops[model.holds[booking]?.zone ?? 0] }

    /// The booking's place in the history, which is the same whenever the seed runs.
    func name(_ booking: BookingID) -> String { "booking \(model.order.firstIndex(of: booking) ?? -1)" }

    // MARK: Calls that are compared, and now and then made twice

    func confirm(_ payment: Payment) async throws -> ConfirmOutcome {
        var outcome = ConfirmOutcome.missing
        var first: ConfirmOutcome?
        repeat {
            let predicted = model.confirm(payment.booking, payment.id)
            outcome = try await engine.confirm([.init(payment: payment, trace: "")])[0].get()
            try compare("confirm", of: payment.booking, predicted, outcome)
            first = first ?? outcome
        } while chance(5)
        return first ?? outcome
    }

    func end(_ payment: Payment, _ reason: BookingReason?) async throws -> PaymentEndOutcome {
        let state: Booking.PaymentState = payment.status == .failed ? .failed : payment.status == .timeout ? .timeout : .refunded
        var first: PaymentEndOutcome?
        while true {
            let predicted = model.end(payment.booking, payment.id, state, reason)
            let outcome = try await engine.endPayments([.init(payment: payment, reason: reason, trace: "")])[0].get()
            try compare("end payment as \(state)", of: payment.booking, predicted, outcome)
            first = first ?? outcome
            if let first, !chance(5) { return first }
        }
    }

    func release(_ booking: BookingID, _ status: BookingStatus, by: String = "", reason: BookingReason? = nil) async throws -> ReleaseOutcome {
        var first: ReleaseOutcome?
        while true {
            let predicted = model.release(booking, status, by: by, reason)
            let outcome = try await shop(of: booking).release(booking, status, by: by, reason: reason)
            try compare("release as \(status)", of: booking, predicted, outcome)
            first = first ?? outcome
            if let first, !chance(5) { return first }
        }
    }

    // MARK: The checks after every step

    /// Invariant 1, the seat maps, the users' counts and every booking that changed, against the model.
    func check(everything: Bool = false) async throws {
        if !everything, !isTouched { return try checkMoney() }
        isTouched = false
        var commands: [RedisCommand] = []
        for (index, shop) in shops.enumerated() {
            commands.append(RedisCommand("HMGET", Keys.zone(shop.settings.zone, shop.shard), "capacity", "available", "held", "sold", "version"))
            if model.zones[index].isNumbered { commands.append(RedisCommand("GET", Keys.seats(shop.settings.zone, shop.shard))) }
        }
        for shop in [shops[0], shops[2]] {
            for user in users { commands.append(RedisCommand("HGET", Keys.user(user, shop.shard), "n:\(shop.settings.event)")) }
        }
        var replies = try await redis.pipeline(commands)[...]
        for index in shops.indices {
            let numbers = (replies.popFirst()?.elements ?? []).compactMap(\.int)
            try expect(numbers.count == 5, "zone \(index) cannot be read")
            let counts = ZoneCounts(capacity: numbers[0], available: numbers[1], held: numbers[2], sold: numbers[3], version: numbers[4])
            try expect(counts.isConsistent && counts == model.counts(index), "zone \(index) is \(counts) instead of \(model.counts(index))")
            if model.zones[index].isNumbered {
                let map = replies.popFirst()?.text ?? ""
                try expect(map == model.map(index), "the map is \(map) instead of \(model.map(index))")
            }
        }
        for event in 0..<2 {
            for user in users.indices {
                let (count, predicted) = (replies.popFirst()?.int ?? 0, model.tickets(user, event: event))
                try expect(count == predicted, "user \(user) has \(count) tickets of event \(event) instead of \(predicted)")
            }
        }
        let ids = model.order.filter { everything || model.touched.contains($0) }
        for (id, booking) in zip(ids, try await engine.bookings(ids.map { ($0, shop(of: $0).shard) })) {
            guard let booking, let hold = model.holds[id] else { throw LifecycleFailure("\(name(id)) is not there") }
            try expect(
                booking.status == hold.status && booking.version == hold.version && booking.payment == hold.payment
                    && booking.paymentState == hold.paymentState && booking.declines == hold.declines && booking.reason == hold.reason,
                "\(name(id)) is \(booking) instead of \(hold)")
        }
        model.touched = []
        try checkMoney()
    }

    /// Captured − refunded is what a confirmed booking costs, or is on its way.
    private func checkMoney() throws {
        for payment in store.payments {
            guard let intent = ledger.intents[payment], let saga = store.sagas[payment] else { continue }
            let hold = model.holds[saga.payment.booking]
            let kept = intent.captured - intent.refunded
            try expect(intent.captures <= 1 && kept >= 0, "captured \(intent.captured), refunded \(intent.refunded)")
            switch saga.state {
            case .created: try expect(kept == 0, "money moved before the intent was known")
            case .reserved, .paid, .compensating: break
            case .failed: try expect(kept == 0, "a failed payment kept \(kept)")
            case .confirmed:
                let refund = store.liveRefund(of: payment).map { store.refunds[$0] }
                let givenBack = refund.map { $0.status == .requested ? 0 : $0.amount } ?? 0
                let isMoving = refund?.status == .processing
                try expect(
                    kept == intent.amount - givenBack || (isMoving && kept == intent.amount),
                    "a confirmed payment of \(intent.amount) kept \(kept), refund \(givenBack)")
                try expect(
                    hold?.status == .confirmed || hold?.status == .refunded, "the booking of a confirmed payment is \(hold?.status.rawValue ?? "-")")
            }
        }
    }
}
