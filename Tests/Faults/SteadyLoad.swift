import LocalStack
import Synchronization
import TestSupport

/// Reserves at a steady pace and cancels some. A request without an answer, or with 503, is sent again with its key until it is answered.
final class SteadyLoad: Sendable {
    /// Journeys begun in a second.
    private static let rate = 100
    /// Journeys under way; beyond it none is begun.
    private static let maxInFlight = 400
    /// Bookings of one user: fewer than the ten tokens of a full bucket.
    private static let perUser = 5
    /// A try that is not answered for so long is given up.
    private static let answerLimit = Duration.seconds(5)
    /// Between two tries of a request.
    private static let pause = Duration.milliseconds(250)
    /// A request that is not answered for so long, over all its tries, is a failure.
    private static let patience = Duration.seconds(60)

    /// A booking that was answered with 202.
    struct Made: Sendable {
        let booking: String
        /// Whether its hold is long; else it is left to expire, unless it is cancelled.
        let isLasting: Bool
        /// Whether its cancel was answered with 202.
        var isCancelled = false
    }

    private struct State {
        var made: [Made] = []
        var unexpected: [String] = []
        var repeats = 0
        var longest = Duration.zero
        var inFlight = 0
        var isStopped = false
    }

    private let zone: Event.Zone
    private let users: [User]
    private let lasting: HTTPProbe
    private let short: HTTPProbe
    private let state = Mutex(State())

    /// - Parameters:
    ///   - users: each makes some bookings; when all have made theirs, no more are begun.
    ///   - lasting: an ingress whose holds outlive the test.
    ///   - short: an ingress whose holds end after some seconds.
    init(zone: Event.Zone, users: [User], lasting: HTTPProbe, short: HTTPProbe) {
        self.zone = zone
        self.users = users
        (self.lasting, self.short) = (lasting, short)
    }

    /// What was answered with 202 so far.
    var made: [Made] { state.withLock { $0.made } }
    /// Answers that nobody should get, and requests that never got one.
    var unexpected: [String] { state.withLock { $0.unexpected } }
    /// Requests that were sent again.
    var repeats: Int { state.withLock { $0.repeats } }
    /// The longest that a request needed until it was answered.
    var longest: Duration { state.withLock { $0.longest } }

    /// Begins no more; what is under way goes on to its end.
    func stop() { state.withLock { $0.isStopped = true } }

    /// Runs until stopped, and until everything under way is answered.
    func run() async {
        let start = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            for number in 0..<(users.count * Self.perUser) {
                // Paced by the clock: a steady load is one that does not wait for its answers.
                try? await Task.sleep(until: start + .seconds(1) * number / Self.rate)
                while state.withLock({ !$0.isStopped && $0.inFlight >= Self.maxInFlight }) { try? await Task.sleep(for: .milliseconds(10)) }
                if state.withLock({ $0.isStopped }) { break }
                state.withLock { $0.inFlight += 1 }
                group.addTask {
                    await self.journey(number)
                    self.state.withLock { $0.inFlight -= 1 }
                }
            }
        }
    }

    private func journey(_ number: Int) async {
        let isLasting = number % 2 == 0
        var probe = isLasting ? lasting : short
        probe.timeout = Self.answerLimit
        let client = Client(user: users[number / Self.perUser], probe: probe)
        let key = "\(number)"
        guard let answer = await untilAnswered("reserve \(number)", { try await client.reserve(self.zone, key: key) }) else { return }
        guard answer.status == 202, let booking = answer.json["data"]["booking_id"].string else { return unexpected("reserve", answer) }
        let place = state.withLock { state in
            state.made.append(Made(booking: booking, isLasting: isLasting))
            return state.made.count - 1
        }
        if number % 10 < 2 {
            guard let again = await untilAnswered("repeat \(number)", { try await client.reserve(self.zone, key: key) }) else { return }
            if again.json["data"]["booking_id"].string != booking || again.header("Idempotency-Replayed") != "true" { unexpected("repeat", again) }
        }
        guard number % 5 < 2 else { return }
        guard let cancel = await untilAnswered("cancel \(number)", { try await client.cancel(booking, key: key) }) else { return }
        switch cancel.status {
        case 202: state.withLock { $0.made[place].isCancelled = true }
        // It has expired meanwhile.
        case 409 where !isLasting && cancel.json["error"]["code"].string == "INVALID_STATE": break
        default: unexpected("cancel", cancel)
        }
    }

    private func untilAnswered(_ what: String, _ send: () async throws -> HTTPAnswer) async -> HTTPAnswer? {
        let start = ContinuousClock.now
        while true {
            let answer = try? await send()
            let waited = ContinuousClock.now - start
            if let answer, answer.status != 503 {
                state.withLock { $0.longest = max($0.longest, waited) }
                return answer
            }
            if waited > Self.patience {
                state.withLock { $0.unexpected.append("\(what): no answer within \(Self.patience)") }
                return nil
            }
            state.withLock { $0.repeats += 1 }
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func unexpected(_ what: String, _ answer: HTTPAnswer) {
        state.withLock { $0.unexpected.append("\(what): \(answer.status) \(answer.text.prefix(300))") }
    }
}
