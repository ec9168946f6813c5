/// How far one consumer group is behind, over the topics that count.
public struct FleetReading: Sendable, Hashable {
    /// Messages behind.
    public var messages: Int64
    /// Seconds that the oldest message not done has waited; nil when unknown.
    public var seconds: Double?
    /// Messages that arrive a second; nil until there are two samples.
    public var arrivals: Double?
    /// Messages that are done a second; likewise.
    public var departures: Double?
    /// Partitions of the topic that has most: more copies would have nothing to do.
    public var partitions: Int
    /// Whether every partition was known; what is missing can only make the lag greater, so such a reading never takes a copy away.
    public var isComplete: Bool

    /// A reading by hand, as tests make it.
    public init(
        messages: Int64, seconds: Double? = nil, arrivals: Double? = nil, departures: Double? = nil, partitions: Int = 12, isComplete: Bool = true
    ) {
        self.messages = messages
        self.seconds = seconds
        self.arrivals = arrivals
        self.departures = departures
        self.partitions = partitions
        self.isComplete = isComplete
    }
}

/// Asks for the lag of every worker, by ``WorkerPlan/name``; a worker that is absent in the answer is one whose lag is unknown.
public typealias FleetLag = @Sendable () async -> [String: FleetReading]
