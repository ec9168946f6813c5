/// How many copies of a worker there should be, and why: up at once, down one by one.
public struct CopiesDecision: Sendable, Hashable {
    /// Why.
    public enum Reason: String, Sendable, Codable, CaseIterable {
        /// More are wanted, for the messages behind.
        case messages
        /// More are wanted, for the seconds behind.
        case seconds
        /// More are wanted, for the rate at which messages arrive.
        case arrivals
        /// There are fewer than the file allows.
        case minimum
        /// There are more than the file allows, or than there are partitions.
        case maximum
        /// As many as wanted.
        case enough
        /// Fewer would do, and have for a whole cool-down: one goes.
        case calm
        /// Fewer would do, but not yet for a whole cool-down.
        case coolingDown = "cooling_down"
        /// Fewer would do now, but at the present rates not for another cool-down.
        case growing
        /// The lag, or a part of it, is unknown: none goes.
        case unknownLag = "unknown_lag"
        /// An operator said how many.
        case fixed
    }

    /// What the lag asks for, within the limits; nil when it is unknown.
    public let wanted: Int?
    /// How many there should be now.
    public let copies: Int
    /// Why.
    public let reason: Reason

    /// What has to be remembered from one decision to the next.
    public struct Memory: Sendable, Hashable {
        /// When the number of copies last changed.
        public var changed: ContinuousClock.Instant?
        /// Since when fewer would do.
        public var calmSince: ContinuousClock.Instant?

        /// Nothing yet.
        public init() {}
    }

    /// Decides; pure.
    /// - Parameters:
    ///   - copies: how many there are, or are on their way.
    ///   - reading: nil when the lag is unknown.
    public static func decide(
        _ plan: WorkerPlan, copies: Int, reading: FleetReading?, memory: inout Memory, now: ContinuousClock.Instant
    ) -> CopiesDecision {
        let decision = weigh(plan, copies: copies, reading: reading, memory: &memory, now: now)
        if decision.copies != copies { memory.changed = now }
        return decision
    }

    private static func weigh(
        _ plan: WorkerPlan, copies: Int, reading: FleetReading?, memory: inout Memory, now: ContinuousClock.Instant
    ) -> CopiesDecision {
        // A copy without a partition has nothing to do.
        let most = max(1, min(plan.maximum, reading?.partitions ?? plan.maximum))
        let least = min(plan.minimum, most)
        guard let reading else {
            memory.calmSince = nil
            return CopiesDecision(wanted: nil, copies: min(max(copies, least), most), reason: copies < least ? .minimum : .unknownLag)
        }
        let (asked, reason) = need(plan, reading)
        let wanted = min(max(asked, least), most)
        if wanted > copies || copies > most {
            memory.calmSince = nil
            return CopiesDecision(
                wanted: wanted, copies: min(max(copies, wanted), most), reason: copies > most ? .maximum : asked > least ? reason : .minimum)
        }
        guard reading.isComplete, wanted < copies else {
            memory.calmSince = nil
            return CopiesDecision(wanted: wanted, copies: copies, reason: reading.isComplete ? .enough : .unknownLag)
        }
        if isNeededSoon(plan, copies, reading) {
            memory.calmSince = nil
            return CopiesDecision(wanted: wanted, copies: copies, reason: .growing)
        }
        let calmSince = memory.calmSince ?? now
        memory.calmSince = calmSince
        guard now - max(calmSince, memory.changed ?? calmSince) >= plan.coolDown else {
            return CopiesDecision(wanted: wanted, copies: copies, reason: .coolingDown)
        }
        return CopiesDecision(wanted: wanted, copies: copies - 1, reason: .calm)
    }

    /// What the lag asks for, without limits, and which of the figures asked for most.
    private static func need(_ plan: WorkerPlan, _ reading: FleetReading) -> (Int, Reason) {
        var need = (share(Double(reading.messages), plan.messages), Reason.messages)
        // Where nothing is behind, no time is either, whatever the clocks say.
        if let figure = plan.seconds, let seconds = reading.seconds, reading.messages > 0 {
            let copies = share(seconds, figure)
            if copies > need.0 { need = (copies, .seconds) }
        }
        if let figure = plan.arrivals, let arrivals = reading.arrivals {
            let copies = share(arrivals, figure)
            if copies > need.0 { need = (copies, .arrivals) }
        }
        return need
    }

    /// Whether the copies there are would be wanted again within a cool-down, if messages went on arriving and being done as now.
    private static func isNeededSoon(_ plan: WorkerPlan, _ copies: Int, _ reading: FleetReading) -> Bool {
        guard let arrivals = reading.arrivals, let departures = reading.departures, arrivals > departures else { return false }
        return share(Double(reading.messages) + (arrivals - departures) * (plan.coolDown / .seconds(1)), plan.messages) >= copies
    }

    private static func share(_ amount: Double, _ figure: Int) -> Int { share(amount, Double(figure)) }

    /// ceil(amount / figure), within what no fleet exceeds.
    private static func share(_ amount: Double, _ figure: Double) -> Int {
        let copies = (amount / figure).rounded(.up)
        return copies.isFinite ? Int(min(max(copies, 0), 1_000_000)) : 0
    }
}
