public import Foundation

/// What a fleet does now; also the answer of its control port.
public struct FleetStatus: Sendable, Codable, Hashable {
    /// One copy of a worker.
    public struct Copy: Sendable, Codable, Hashable {
        /// What it is doing.
        public enum Phase: String, Sendable, Codable {
            /// Started, not ready yet.
            case starting
            /// Ready.
            case running
            /// Told to stop, finishing what is in hand.
            case draining
            /// It crashed, and is started again after a pause.
            case waiting
        }

        /// 1 and up.
        public let copy: Int
        /// What it is doing.
        public let phase: Phase
        /// Its process.
        public let pid: Int32?
        /// Where it has `/metrics`, `/health` and `/ready`, on this machine.
        public let metricsPort: Int?
        /// Since when it is ready.
        public let since: Date?
        /// How often it was started again after a crash.
        public let restarts: Int
        /// How it last ended by itself.
        public let lastExit: String?
    }

    /// One worker.
    public struct Worker: Sendable, Codable, Hashable {
        /// The binary.
        public let worker: String
        /// Its consumer group.
        public let group: String
        /// Whether the copies follow the lag; otherwise an operator said how many.
        public let automatic: Bool
        /// Copies that are ready.
        public let running: Int
        /// Copies that there should be.
        public let target: Int
        /// What the lag asks for; nil when it is unknown.
        public let wanted: Int?
        /// The fewest that the file allows.
        public let min: Int
        /// The most that the file allows.
        public let max: Int
        /// Messages behind; nil when unknown.
        public let lagMessages: Int64?
        /// Seconds behind; nil when unknown.
        public let lagSeconds: Double?
        /// Messages that arrive a second; nil when unknown.
        public let arrivals: Double?
        /// Messages that are done a second; nil when unknown.
        public let departures: Double?
        /// Why there are as many as there are; nil before the first decision.
        public let reason: CopiesDecision.Reason?
        /// By number.
        public let copies: [Copy]

        /// Whether there are as many copies as there should be, and all of them ready.
        public var isSettled: Bool { running == target && copies.count == target }
    }

    /// What is left when a supervisor has ended after it was told to go down: nothing.
    public init(down last: FleetStatus) {
        (pid, directory, log, fault) = (last.pid, last.directory, last.log, nil)
        workers = []
    }

    init(pid: Int32, directory: String, log: String, fault: String?, workers: [Worker]) {
        (self.pid, self.directory, self.log, self.fault, self.workers) = (pid, directory, log, fault, workers)
    }

    /// The supervisor's process.
    public let pid: Int32
    /// Its folder.
    public let directory: String
    /// Where every decision is written.
    public let log: String
    /// Why the file as it is now cannot be used, and the plan before it is kept; nil where it can.
    public let fault: String?
    /// In the order of the file.
    public let workers: [Worker]
}

/// How many copies an operator wants.
public enum FleetWish: Sendable, Codable, Hashable {
    /// As many as the lag asks for.
    case automatic
    /// This many, whatever the lag; 0 keeps the worker down.
    case fixed(Int)
}
