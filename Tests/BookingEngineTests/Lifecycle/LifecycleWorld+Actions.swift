import BookingEngine
import Domain
import RedisClient

extension LifecycleWorld {
    /// One random thing that users, workers, the gateway or time may do next.
    func step() async throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12: try await reserve()
        case 12..<32: try await begin()
        case 32..<62: try await advanceSomeSaga()
        case 62..<65: crash()
        case 65..<68: if let payment = store.payments.randomElement(using: &random) { ledger.progress(payment) }
        case 68..<69: if chance(2), let payment = store.payments.randomElement(using: &random) { overdue.insert(payment) }
        case 69..<72: try await acceptCancel()
        case 72..<75: if let cancel = cancels.randomElement(using: &random) { try await cancel.step(self) }
        case 75..<77: try await letTimePass()
        case 77..<81: try await expire()
        case 81..<90: try await requestRefund()
        case 90..<96: try await advanceSomeRefund()
        case 96..<98: if let actor = eventActors.randomElement(using: &random) { try await actor.step(self) }
        case 98: if chance(2) { cancelEvent() }
        default: for shop in shops { _ = try await shop.load() }
        }
    }

    private func reserve() async throws {
        let zone = Int.random(in: 0..<shops.count, using: &random)
        let user = Int.random(in: 0..<users.count, using: &random)
        let settings = shops[zone].settings
        if cancelledEvents.contains(model.zones[zone].event) { return }
        let quantity = Int.random(in: 1...2, using: &random)
        let seats = model.zones[zone].isNumbered ? Array(settings.seats.indices.shuffled(using: &random).prefix(quantity)) : []
        let predicted = model.reserve(user, zone, quantity: Int64(quantity), seats: seats)
        let key = "step \(history.count)"
        let outcome = try await shops[zone].reserve(users[user], quantity: quantity, seats: seats.map { settings.seats[$0] }, key: key)
        try compare("reserve", predicted, outcome)
        guard case .reserved(let reservation, _) = outcome else { return }
        model.reserved(.init(id: reservation.booking, zone: zone, user: user, quantity: Int64(quantity), seats: seats))
        if chance(8) {
            let again = try await shops[zone].reserve(users[user], quantity: quantity, seats: seats.map { settings.seats[$0] }, key: key)
            try compare("the same reserve", "replayed", again)
        }
    }

    private func begin() async throws {
        guard let booking = someBooking(preferring: { $0.status == .reserved && $0.paymentState != .open }), let hold = model.holds[booking] else {
            return
        }
        let user = chance(20) ? (hold.user + 1) % users.count : hold.user
        let shop = shops[hold.zone]
        let (id, method) = (shop.newPayment(), PaymentMethod.allCases.randomElement(using: &random) ?? .card)
        let key = chance(2) ? BookingEngine.Idempotency(route: "pay", key: "step \(history.count)", bodyHash: "00") : nil
        let predicted = model.begin(booking, user, id, method)
        let outcome = try await shop.begin(booking, users[user], payment: id, method: method, idempotency: key)
        try compare("begin payment", of: booking, predicted, outcome)
        guard case .begun(let payment, _, _) = outcome else { return }
        try expect(payment.amountMinor == hold.quantity * shop.settings.priceMinor, "the amount is \(payment.amountMinor)")
        store.add(payment)
        fates[id] = chance(2) ? mood : LifecycleLedger.Fate.allCases.randomElement(using: &random)
        // The reply was lost, or the command came twice; with the key another id finds the first.
        if chance(4) {
            try compare("the same again", "begun_before", try await shop.begin(booking, users[user], payment: id, method: method, idempotency: key))
        }
        if let key, chance(4) {
            let other = try await shop.begin(booking, users[user], method: method, idempotency: key)
            try expect(other == .replayed(id, nil), "under the same key: \(other)")
        }
        // The second tab.
        if key == nil, chance(4) {
            try compare("another payment at once", "open", try await shop.begin(booking, users[user], method: method))
        }
    }

    private func advanceSomeSaga() async throws {
        // An actor at work goes on, or the message comes again and another starts beside it.
        if let actor = sagaActors.randomElement(using: &random), !chance(4) {
            repeat {
                guard try await actor.step(self) == .goesOn else { return sagaActors.removeAll { $0 === actor } }
            } while !chance(3)
            return
        }
        let open = store.payments.filter { store.sagas[$0]?.state.isFinal == false }
        guard let payment = (chance(10) ? store.payments : open).randomElement(using: &random) else { return }
        sagaActors.append(SagaActor(payment))
    }

    /// The process dies between two calls; whoever comes next has only what was stored.
    private func crash() {
        if !sagaActors.isEmpty { sagaActors.remove(at: Int.random(in: 0..<sagaActors.count, using: &random)) }
        if !refundActors.isEmpty { refundActors.remove(at: Int.random(in: 0..<refundActors.count, using: &random)) }
        eventActors.randomElement(using: &random)?.restart()
        note("crash")
    }

    private func acceptCancel() async throws {
        guard let booking = someBooking(preferring: { $0.status == .reserved }), let hold = model.holds[booking] else { return }
        let shop = shops[hold.zone]
        let user = chance(20) ? (hold.user + 1) % users.count : hold.user
        let command = CancelCommand(operation: shop.newOperation(), booking: booking, user: users[user], tenant: shop.settings.tenant)
        let outcome = try await engine.acceptCancel(command, shard: shop.shard, idempotencyKey: nil, bodyHash: "", trace: "")
        try compare("accept cancel", of: booking, model.accept(booking, user, .reserved), outcome)
        if case .accepted = outcome { cancels.append(CancelActor(command)) }
    }

    private func letTimePass() async throws {
        guard let booking = someBooking(preferring: { $0.status == .reserved && !$0.isPast }) else { return }
        guard model.holds[booking]?.status == .reserved else { return }
        try await makePast(booking)
    }

    func makePast(_ booking: BookingID) async throws {
        note("\(name(booking)) is past due")
        try await shop(of: booking).makeDue(booking)
        model.holds[booking]?.isPast = true
    }

    private func expire() async throws {
        if chance(2) {
            guard let booking = someBooking(preferring: { $0.isPast && $0.status == .reserved }) else { return }
            _ = try await release(booking, .expired)
            return
        }
        // What the clock of the expiry worker finds.
        let zone = Int.random(in: 0..<shops.count, using: &random)
        let due = try await engine.due([shops[zone].shard], limit: 100)
        let predicted = model.order.filter { id in
            model.holds[id].map { $0.isPast && $0.status == .reserved && shops[$0.zone].shard == shops[zone].shard } ?? false
        }
        try expect(Set(due.map(\.booking)) == Set(predicted), "\(due.count) holds are due instead of \(predicted.count)")
        for booking in predicted { _ = try await release(booking, .expired) }
    }

    private func requestRefund() async throws {
        guard let booking = someBooking(preferring: { $0.status == .confirmed }), let hold = model.holds[booking] else { return }
        let shop = shops[hold.zone]
        let outcome = try await engine.accept(
            .init(
                operation: shop.newOperation(), type: "payment.refund", resource: "/", user: users[hold.user], shard: shop.shard,
                booking: (booking, .confirmed), idempotency: nil, idempotencyResource: "", message: .paymentRefund, key: "\(booking)", value: [],
                trace: ""))
        try compare("accept refund", of: booking, model.accept(booking, hold.user, .confirmed), outcome)
        if case .accepted = outcome { refundRequests.append(booking) }
    }

    private func advanceSomeRefund() async throws {
        if !refundRequests.isEmpty, chance(2) {
            try takeRefundRequest(at: Int.random(in: 0..<refundRequests.count, using: &random))
        } else if let actor = refundActors.randomElement(using: &random), !chance(4) {
            repeat {
                guard try await actor.step(self) == .goesOn else { return refundActors.removeAll { $0 === actor } }
            } while !chance(3)
        } else if let refund = store.refunds.randomElement(using: &random) {
            refundActors.append(RefundActor(refund.id))
        }
    }

    /// What the worker makes of a request: a refund that waits for the organiser.
    func takeRefundRequest(at index: Int) throws {
        let booking = refundRequests[index]
        guard let hold = model.holds[booking], let payment = hold.payment, let saga = store.sagas[payment] else { return }
        // The seats are sold and the saga does not know yet: its end comes first.
        if saga.state != .confirmed, !saga.state.isFinal { return }
        refundRequests.remove(at: index)
        if saga.state != .confirmed || hold.status != .confirmed || store.liveRefund(of: payment) != nil { return }
        let percent = ([0, 50, 100] as [Int64]).randomElement(using: &random) ?? 100
        try store.add(
            .init(
                id: .make(nowMs: 1, shard: shops[hold.zone].shard), payment: payment, booking: booking, cause: .requested,
                amount: RefundRules.share(percent, of: saga.payment.amountMinor), status: .requested))
    }

    private func cancelEvent() {
        let event = Int.random(in: 0..<2, using: &random)
        guard cancelledEvents.insert(event).inserted else { return }
        note("event \(event) is cancelled")
        eventActors.append(EventCancelActor(event, operation: "cancel of event \(event)"))
    }

    private func someBooking(preferring isWanted: (LifecycleModel.Hold) -> Bool) -> BookingID? {
        let wanted = model.order.filter { id in model.holds[id].map(isWanted) ?? false }
        return (wanted.isEmpty || chance(6) ? model.order : wanted).randomElement(using: &random)
    }
}
