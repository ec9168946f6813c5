public import Topics

/// What `ops/fleet.yaml` says: which workers run in how many copies.
public struct FleetPlan: Sendable, Hashable {
    /// How often the lag is asked for.
    public var sample: Duration = .seconds(5)
    /// What a copy that is told to stop may take to finish what is in hand; then it is killed.
    public var drain: Duration = .seconds(20)
    /// In the order of the file.
    public var workers: [WorkerPlan]

    /// A plan by hand, as tests make it.
    public init(sample: Duration = .seconds(5), drain: Duration = .seconds(20), workers: [WorkerPlan]) {
        self.sample = sample
        self.drain = drain
        self.workers = workers
    }

    /// The same with another least number of copies for every worker; a worker's most is raised to it where it is lower.
    public func withMinimum(_ copies: Int) -> FleetPlan {
        var plan = self
        for index in plan.workers.indices {
            plan.workers[index].minimum = copies
            plan.workers[index].maximum = max(copies, plan.workers[index].maximum)
        }
        return plan
    }
}

/// How one worker follows its lag.
public struct WorkerPlan: Sendable, Hashable {
    /// The binary's name.
    public var name: String
    /// Its consumer group.
    public var group: String
    /// The topics whose lag counts. Retry topics are left out: what waits there waits for its time, not for a copy.
    public var topics: [Topic]
    /// Messages behind that are one copy's work.
    public var messages: Int
    /// Seconds behind that are one copy's work; nil leaves seconds out.
    public var seconds: Double?
    /// Messages arriving a second that are one copy's work; nil leaves the rate out.
    public var arrivals: Double?
    /// Never fewer copies.
    public var minimum: Int
    /// Never more copies.
    public var maximum: Int
    /// How long fewer copies must have been enough before one is taken away, and the pause before the next.
    public var coolDown: Duration
    /// Environment of the copies, over what the supervisor sets.
    public var environment: [String: String]

    /// A worker by hand, as tests make it; the defaults are those of the file.
    public init(
        name: String, group: String? = nil, topics: [Topic], messages: Int, seconds: Double? = nil, arrivals: Double? = nil, minimum: Int = 2,
        maximum: Int = 10, coolDown: Duration = .seconds(60), environment: [String: String] = [:]
    ) {
        self.name = name
        self.group = group ?? name
        self.topics = topics
        self.messages = messages
        self.seconds = seconds
        self.arrivals = arrivals
        self.minimum = minimum
        self.maximum = maximum
        self.coolDown = coolDown
        self.environment = environment
    }
}
