import LocalStack

/// What is done to which process when, all of it from a seed.
struct FaultPlan: Sendable {
    /// What can be done to a process.
    enum Kind: String, CaseIterable, Sendable {
        /// kill -9, and started again after the outage.
        case kill
        /// SIGSTOP, and SIGCONT after the outage.
        case freeze
        /// Stopped in order, and started again after the outage.
        case restart
    }

    struct Fault: Sendable {
        let at: Duration
        let kind: Kind
        let target: Component
        let outage: Duration
    }

    /// In the order of their moments. Each of ``lanes`` has one at a time, so that two processes may be away together.
    let faults: [[Fault]]

    private static let lanes: [[Component]] = [
        [.redis, .postgres, .broker, .simulator],
        [
            .ingress, .worker("payment"), .worker("expiry"), .worker("inventory-sync"), .worker("queue-release"), .worker("notification"),
            .worker("analytics"), .worker("audit"),
        ],
    ]

    init(seed: UInt64, length: Duration) {
        var random = SeededRandom(seed: seed)
        faults = Self.lanes.map { targets in
            var faults: [Fault] = []
            var at = Duration.seconds(2)
            while at < length {
                // Mostly kills: a process that stops in order is the easy case.
                let kind: Kind = [.kill, .kill, .kill, .freeze, .restart].randomElement(using: &random) ?? .kill
                let target = targets.randomElement(using: &random) ?? .redis
                let outage = Duration.milliseconds(Int.random(in: 0...4_000, using: &random))
                faults.append(Fault(at: at, kind: kind, target: target, outage: outage))
                at += outage + .milliseconds(Int.random(in: 1_500...5_000, using: &random))
            }
            return faults
        }
    }
}
