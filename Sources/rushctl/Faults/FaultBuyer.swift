import Foundation
import LocalStack

/// One person in the load: books once and takes the booking one of its ways. Sends a request again, with its key, until it is answered.
struct FaultBuyer: Sendable {
    /// What became of it, as far as the answers tell.
    struct Story: Sendable {
        var booking: String?
        var key: String
        var way: Way
        var payments = 0
        var repeats = 0
        /// Answers that nobody should get, and requests that never got one.
        var unexpected: [String] = []
    }

    /// The ways of a booking.
    enum Way: CaseIterable, Sendable {
        case pay, payAtOnce, payTwice, payOnceFails, declineThenPay, declineToTheEnd, payInTwoTabs, timeOut, late, cancel, expire, refund, transfer
    }

    private static let pause = Duration.milliseconds(250)
    private static let patience = Duration.seconds(90)

    let probe: HTTPProbe
    let admin: HTTPProbe
    let place: JourneyBuyer.Place
    let number: Int
    let way: Way
    /// Asked by whoever waits in line, whether it is still worth it; nil where there is no line.
    var isWorthWaiting: (@Sendable () -> Bool)?

    func run() async -> Story {
        var story = Story(key: "faults-\(number)", way: way)
        guard let isWorthWaiting else { return await buy(&story, pass: nil) }
        if let answer = await send("bookings/reserve", order(1), key: "\(story.key)-early", &story), answer.status != 429 {
            unexpected("a purchase without a pass", answer, &story)
        }
        guard let pass = await turn(&story, isWorthWaiting) else { return story }
        return await buy(&story, pass: pass)
    }

    /// Joins the line and waits for the turn.
    /// - Returns: the pass; nil for whom there is nothing left.
    private func turn(_ story: inout Story, _ isWorthWaiting: @Sendable () -> Bool) async -> String? {
        let body = #"{"event_id":"\#(place.event)"}"#
        guard let joined = await send("queue/join", body, key: "\(story.key)-join", &story) else { return nil }
        if joined.status == 409, joined.json["error"]["code"].string == "INSUFFICIENT_STOCK" { return nil }
        guard joined.status == 202 || joined.status == 200 else {
            unexpected("join", joined, &story)
            return nil
        }
        while isWorthWaiting() {
            if let answer = try? await probe.get("/api/v1/queue/status?event_id=\(place.event)"), answer.status == 200 {
                let mine = answer.json["data"]
                if let pass = mine["queue_pass"].string { return pass }
                if mine["status"].string != "waiting" && mine["status"].string != "admitted" { return nil }
            }
            try? await Task.sleep(for: Self.pause)
        }
        return nil
    }

    private func order(_ quantity: Int, _ more: String = "") -> String {
        #"{"event_id":"\#(place.event)","show_id":"\#(place.show)","zone_id":"\#(place.zone)","quantity":\#(quantity)\#(more)}"#
    }

    private func buy(_ story: inout Story, pass: String?) async -> Story {
        let payment = way == .payAtOnce ? #","payment":{"method":"card","payment_token":"pm_card_visa"}"# : ""
        let quantity = pass == nil ? number % 3 + 1 : 1
        let body = order(quantity, payment)
        guard let answer = await send("bookings/reserve", body, key: story.key, pass: pass, &story) else { return story }
        guard answer.status == 202, let booking = answer.json["data"]["booking_id"].string else {
            unexpected("reserve", answer, &story)
            return story
        }
        story.booking = booking
        if answer.json["data"]["payment_id"].string != nil { story.payments += 1 }
        if pass != nil, let again = await send("bookings/reserve", body, key: "\(story.key)-again", pass: pass, &story), again.status == 202 {
            unexpected("a second purchase with one pass", again, &story)
        }
        await go(booking, &story)
        return story
    }

    private func go(_ booking: String, _ story: inout Story) async {
        switch way {
        case .payAtOnce, .expire: break
        case .pay: await pay(booking, "pm_card_visa", &story)
        case .declineThenPay:
            await pay(booking, FaultTokens.declined, &story)
            await settled(booking)
            await pay(booking, "pm_card_visa", &story)
        case .declineToTheEnd:
            for _ in 0..<3 {
                await pay(booking, FaultTokens.declined, &story)
                await settled(booking)
            }
        case .payInTwoTabs:
            async let first = attempt(booking, "pm_card_visa", tab: 1)
            async let second = attempt(booking, "pm_card_visa", tab: 2)
            for tab in await [first, second] {
                story.payments += tab.payments
                story.repeats += tab.repeats
                story.unexpected += tab.unexpected
            }
        case .payTwice: await pay(booking, FaultTokens.twice, &story)
        case .payOnceFails: await pay(booking, FaultTokens.failsOnce, &story)
        case .timeOut: await pay(booking, FaultTokens.timesOut, &story)
        case .late: await pay(booking, FaultTokens.late, &story)
        case .transfer: await pay(booking, FaultTokens.wallet, method: "wallet", &story)
        case .cancel: await operate("bookings/\(booking)/cancel", &story)
        case .refund:
            guard let payment = await pay(booking, "pm_card_visa", &story) else { return }
            await settled(booking)
            await refund(payment, &story)
        }
    }

    private func refund(_ payment: String, _ story: inout Story) async {
        guard let answer = await send("payments/\(payment)/refund", "", key: UUID().uuidString, &story), answer.status == 202,
            let refund = answer.json["data"]["refund_id"].string, let operation = answer.json["data"]["operation_id"].string
        else { return }
        await finished(operation)
        var asAdmin = self
        asAdmin = FaultBuyer(probe: admin, admin: admin, place: place, number: number, way: way)
        // Until PostgreSQL has the refund it is 404 for the organiser.
        let deadline = ContinuousClock.now + Self.patience
        let key = UUID().uuidString
        while ContinuousClock.now < deadline {
            guard let answer = await asAdmin.send("refunds/\(refund)/approve", "", key: key, &story) else { return }
            if answer.status != 404 { return }
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func attempt(_ booking: String, _ token: String, tab: Int) async -> Story {
        var story = Story(key: "tab-\(tab)", way: way)
        await pay(booking, token, &story)
        return story
    }

    @discardableResult
    private func pay(_ booking: String, _ token: String, method: String = "card", _ story: inout Story) async -> String? {
        let body = #"{"booking_id":"\#(booking)","method":"\#(method)","payment_token":"\#(token)"}"#
        guard let answer = await send("payments", body, key: UUID().uuidString, &story) else { return nil }
        switch answer.status {
        case 202:
            story.payments += 1
            return answer.json["data"]["payment_id"].string
        // Expired meanwhile, or another payment is open.
        case 409, 410: return nil
        default:
            unexpected("pay", answer, &story)
            return nil
        }
    }

    private func operate(_ path: String, _ story: inout Story) async {
        guard let answer = await send(path, "", key: UUID().uuidString, &story) else { return }
        if answer.status != 202 && answer.status != 409 { unexpected(path, answer, &story) }
    }

    /// Waits until no payment of the booking is open.
    private func settled(_ booking: String) async {
        await poll("/api/v1/bookings/\(booking)") { $0["payment_state"].string != "open" }
    }

    private func finished(_ operation: String) async {
        await poll("/api/v1/operations/\(operation)") { $0["status"].string != "pending" }
    }

    private func poll(_ path: String, _ isDone: (JSONValue) -> Bool) async {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            if let answer = try? await probe.get(path), answer.status == 200, isDone(answer.json["data"]) { return }
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func send(_ path: String, _ body: String, key: String, pass: String? = nil, _ story: inout Story) async -> HTTPAnswer? {
        let headers = [("Idempotency-Key", key)] + (pass.map { [("X-Queue-Pass", $0)] } ?? [])
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            let answer = try? await probe.post("/api/v1/\(path)", json: body, headers: headers, timeout: .seconds(5))
            if let answer, answer.status != 503 { return answer }
            story.repeats += 1
            try? await Task.sleep(for: Self.pause)
        }
        story.unexpected.append("\(path): no answer within \(Self.patience)")
        return nil
    }

    private func unexpected(_ what: String, _ answer: HTTPAnswer, _ story: inout Story) {
        story.unexpected.append("\(what): \(answer.status) \(answer.text.prefix(300))")
    }
}

/// The simulator's payment tokens that misbehave.
enum FaultTokens {
    static let declined = "pm_card_chargeDeclined"
    static let timesOut = "pm_sim_timeoutTaken"
    static let twice = "pm_sim_twice"
    static let failsOnce = "pm_sim_500Once"
    static let late = "pm_sim_late"
    static let wallet = "pm_sim_walletSuccess"
}
