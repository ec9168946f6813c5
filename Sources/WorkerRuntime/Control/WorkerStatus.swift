import Telemetry

/// What a worker is doing, for health reports and tests.
public struct WorkerStatus: Sendable {
    /// The phases of a worker's life.
    public enum Phase: String, Sendable {
        /// It has not got partitions yet.
        case starting
        /// It handles messages, or waits for some.
        case running
        /// It waits for something that is away.
        case paused
        /// It finishes what is in hand.
        case draining
    }

    /// Why it waits.
    public struct Pause: Sendable {
        /// What failed last.
        public let failure: Failure
        /// Since when, in milliseconds since 1970.
        public let sinceMs: Int64
    }

    /// The phase.
    public let phase: Phase
    /// Why it waits, when it does.
    public let pause: Pause?

    /// The status as the body of `GET /ready`: 503 while paused, as then nothing moves. `kafka` is whether its brokers answer.
    func readiness(kafkaIsReachable: Bool) -> Readiness {
        let work: Readiness.State =
            switch phase {
            case .starting, .draining: .degraded
            case .running: .up
            case .paused: .down
            }
        return Readiness(
            isReady: phase != .paused && kafkaIsReachable,
            dependencies: [.init("kafka", kafkaIsReachable ? .up : .down), .init("work", work)])
    }
}
