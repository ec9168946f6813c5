import BookingEngine
import Domain
import RedisClient

extension LifecycleWorld {
    /// Lets everything come to its end: all time passes, all messages are delivered, nobody dies any more.
    func drain() async throws {
        sagaActors = []
        refundActors = []
        for round in 0..<20 {
            for payment in store.payments {
                ledger.progress(payment)
                if round > 0 { overdue.insert(payment) }
                try await run(SagaActor(payment))
            }
            for cancel in cancels where !cancel.isDone { try await cancel.step(self) }
            for booking in model.order where model.holds[booking]?.status == .reserved {
                if model.holds[booking]?.isPast == false { try await makePast(booking) }
                _ = try await release(booking, .expired)
            }
            for index in refundRequests.indices.reversed() { try takeRefundRequest(at: index) }
            for actor in eventActors {
                for _ in 0...(model.order.count * 2) where !actor.isDone { try await actor.step(self) }
            }
            for refund in store.refunds { try await run(RefundActor(refund.id)) }
            try await check(everything: true)
            if isAtRest { return }
        }
        throw LifecycleFailure("it does not come to rest")
    }

    private func run(_ actor: SagaActor) async throws {
        for _ in 0..<40 where try await actor.step(self) == .rests { return }
        throw LifecycleFailure("a saga does not come to rest")
    }

    private func run(_ actor: RefundActor) async throws {
        for _ in 0..<40 where try await actor.step(self) == .rests { return }
        throw LifecycleFailure("a refund does not come to rest")
    }

    private var isAtRest: Bool {
        store.payments.allSatisfy { store.sagas[$0]?.state.isFinal == true } && store.refunds.allSatisfy(\.status.isFinal)
            && model.order.allSatisfy { model.holds[$0]?.status != .reserved } && refundRequests.isEmpty && eventActors.allSatisfy(\.isDone)
    }

    /// What must be true of a history that has ended.
    func checkTheEnd() async throws {
        try await check(everything: true)
        var (captured, refunded, confirmed, retained): (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
        for intent in ledger.intents.values {
            captured += intent.captured
            refunded += intent.refunded
        }
        for id in model.order {
            guard let hold = model.holds[id] else { continue }
            let total = hold.quantity * shops[hold.zone].settings.priceMinor
            let paid = store.payments.filter { store.sagas[$0]?.payment.booking == id && store.sagas[$0]?.state == .confirmed }
            try expect(paid.count == (hold.status == .confirmed || hold.status == .refunded ? 1 : 0), "\(name(id)) has \(paid.count) payments")
            try expect(paid.first == nil || paid.first == hold.payment, "\(name(id)) names another payment")
            try expect(hold.paymentState != .open, "\(name(id)) still has an open payment")
            if hold.status == .confirmed { confirmed += total }
            if hold.status == .refunded, let refund = store.liveRefund(of: paid[0]) { retained += total - store.refunds[refund].amount }
            if cancelledEvents.contains(model.zones[hold.zone].event) { try expect(hold.status.isFinal, "\(name(id)) outlived its event") }
        }
        try expect(captured - refunded == confirmed + retained, "\(captured) − \(refunded) is not \(confirmed) + \(retained)")
        for payment in store.payments {
            let record = try await engine.payment(payment)
            let row = store.sagas[payment]?.payment
            try expect(record?.token == nil, "the token of an ended payment is still there")
            try expect(
                record?.payment.status == row?.status && record?.payment.version == row?.version
                    && record?.payment.refundedMinor == row?.refundedMinor,
                "Redis says \(String(describing: record?.payment)) of \(String(describing: row))")
        }
        try await checkTheOutbox()
    }

    /// The events fold to what Redis says, booking by booking and zone by zone; versions have neither gap nor double.
    private func checkTheOutbox() async throws {
        var versions: [BookingID: [Int64]] = [:]
        var newest: [BookingID: Booking] = [:]
        var zones: [ZoneID: ZoneCounts] = [:]
        var charges: [PaymentID] = []
        var shards: [Shard] = []
        for shop in shops where !shards.contains(shop.shard) {
            shards.append(shop.shard)
            for entry in try await shop.outbox() {
                if entry.type == .paymentCharge { charges.append(try ChargeCommand(json: entry.value).payment.id) }
                guard entry.type.topicIsOfBookings else { continue }
                let event = try BookingEvent(json: entry.value)
                let (booking, counts) = (event.booking, event.zone)
                versions[booking.id, default: []].append(booking.version)
                newest[booking.id] = booking
                try expect(counts.isConsistent, "an event says \(counts)")
                if let before = zones[booking.zone] {
                    try expect(counts.version == before.version + 1 || counts == before, "an event says \(counts) after \(before)")
                }
                zones[booking.zone] = counts
            }
        }
        for id in model.order {
            let stands = try await engine.booking(id)
            try expect(
                newest[id] == stands, "the events of \(name(id)) fold to \(String(describing: newest[id])) instead of \(String(describing: stands))")
            try expect(versions[id] == Array(1...(model.holds[id]?.version ?? 1)), "the versions of \(name(id)) are \(versions[id] ?? [])")
        }
        for (index, shop) in shops.enumerated() {
            if let counts = zones[shop.settings.zone] { try expect(counts == model.counts(index), "the events of zone \(index) fold to \(counts)") }
        }
        try expect(
            charges == store.payments || Set(charges) == Set(store.payments) && charges.count == store.payments.count, "not one charge a payment")
    }
}

extension MessageType {
    /// Whether it is one of the events of booking.events.
    fileprivate var topicIsOfBookings: Bool {
        switch self {
        case .bookingCreated, .bookingUpdated, .bookingConfirmed, .bookingCancelled, .bookingExpired, .bookingRefunded: true
        default: false
        }
    }
}
