public import Lag

extension FleetReading {
    /// What the sampler tells of a worker's group; nil where no partition is known.
    public init?(_ lag: GroupLag) {
        let known = lag.partitions.filter { $0.messages != nil }
        guard !known.isEmpty else { return nil }
        // Where the group has committed nothing yet, it has done nothing.
        let departures = lag.partitions.map { $0.rateOut ?? ($0.committed == nil && $0.messages != nil ? 0 : .nan) }.reduce(0, +)
        self.init(
            messages: known.reduce(0) { $0 + ($1.messages ?? 0) }, seconds: known.compactMap(\.seconds).max(), arrivals: lag.rateIn,
            departures: departures.isNaN ? nil : departures,
            partitions: Dictionary(grouping: lag.partitions, by: \.topic).values.map(\.count).max() ?? 0,
            isComplete: lag.isComplete)
    }
}

extension FleetPlan {
    /// How far back the rates look.
    private static let window = Duration.seconds(15)

    /// What a sampler has to be asked for, on some brokers.
    public func lagConfiguration(bootstrapServers: String) -> LagConfiguration {
        var configuration = LagConfiguration(bootstrapServers: bootstrapServers)
        configuration.clientID = "fleet"
        configuration.targets = workers.map { LagTarget(group: $0.group, topics: $0.topics.map(\.name)) }
        configuration.window = max(Self.window, sample * 4)
        // What is not read by then is unknown this time; the messages behind are known anyway.
        configuration.readLimit = min(configuration.readLimit, sample)
        configuration.readsTimes = workers.contains { $0.seconds != nil }
        return configuration
    }

    /// Readings by worker from a sampler's answer.
    public func readings(_ lags: [GroupLag]) -> [String: FleetReading] {
        var readings: [String: FleetReading] = [:]
        for worker in workers {
            guard let lag = lags.first(where: { $0.group == worker.group }) else { continue }
            readings[worker.name] = FleetReading(lag.only(topics: Set(worker.topics.map(\.name))))
        }
        return readings
    }
}
