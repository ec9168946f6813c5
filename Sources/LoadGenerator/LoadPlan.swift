/// What to send, how fast, and for how long.
public struct LoadPlan: Sendable {
    /// When requests start.
    public enum Pace: Sendable, Hashable {
        /// Open loop: request i is due at i / rate. When all connections are busy it waits, and the wait counts into its latency.
        case perSecond(Double)
        /// Closed loop: each connection sends its next request as soon as it has its answer.
        case asFastAsPossible
    }

    /// An IPv4 address; `127.0.0.1`.
    public var host = "127.0.0.1"
    /// Where the server listens.
    public var port: Int
    /// Connections, kept alive; each has one request in flight.
    public var connections: Int
    /// When requests start.
    public var pace: Pace
    /// How long requests are due; answers may come later.
    public var duration: Duration
    /// At most this many requests; nil for as many as fit.
    public var maxRequests: Int?
    /// The longest wait for an answer, from when the request was sent, and for the rest at the end. Then it counts as none.
    public var answerTimeout: Duration = .seconds(10)
    /// Open loop: where requests are due more often than this, the sockets are looked at once in so long, and what is due then is sent at once.
    ///
    /// Overstates a latency by at most twice as much, and understates none. Without it a wake-up for each request and each answer costs 30 µs
    /// of CPU a request at 10,000/s (measured: 2 shared cores, November 2026).
    public var tick: Duration = .microseconds(500)
    /// Appends the bytes of request `index` (0, 1, …) to an empty buffer. Runs on the load thread: make tokens and bodies before.
    public var request: @Sendable (_ index: Int, _ bytes: inout [UInt8]) -> Void
    /// Sees each answer on the load thread: request index, status, body. Nil is fastest.
    public var onAnswer: (@Sendable (_ index: Int, _ status: Int, _ body: ArraySlice<UInt8>) -> Void)?
    /// Told about once a second how many answers there are so far.
    public var onProgress: (@Sendable (LoadProgress) -> Void)?

    /// A plan against `port` of this machine.
    public init(
        port: Int, connections: Int, pace: Pace, duration: Duration, request: @escaping @Sendable (_ index: Int, _ bytes: inout [UInt8]) -> Void
    ) {
        self.port = port
        self.connections = connections
        self.pace = pace
        self.duration = duration
        self.request = request
    }
}

/// What came of a ``LoadPlan``. Latencies are in milliseconds, from when the request was due (open loop) or sent (closed loop) to the
/// end of its answer.
public struct LoadReport: Sendable {
    /// Requests that were sent.
    public let sent: Int
    /// Requests that got a whole answer.
    public let answered: Int
    /// Requests that got none: connection lost, timed out, not HTTP, or due and never sent because no connection came free.
    public let unanswered: Int
    /// Answers by status code.
    public let codes: [Int: Int]
    /// Times a connection had to be opened again.
    public let reconnects: Int
    /// From the first request to the last answer.
    public let elapsed: Duration
    /// Answers per second of `elapsed`.
    public let requestsPerSecond: Double
    /// Median.
    public let p50Ms: Double
    /// 99th percentile.
    public let p99Ms: Double
    /// 99.9th percentile.
    public let p999Ms: Double
    /// The slowest.
    public let maxMs: Double
    /// The mean.
    public let meanMs: Double

    /// SPEC.md section 5: a 5xx or no answer.
    public var errors: Int { unanswered + codes.filter { (500...599).contains($0.key) }.values.reduce(0, +) }
}

/// The load could not be put on.
public struct LoadError: Error, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable {
        /// The server cannot be reached at the start.
        case cannotConnect = "cannot_connect"
        /// The plan makes no sense.
        case invalidPlan = "invalid_plan"
        /// The operating system refused a call.
        case system
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// The cause.
    public let message: String
    /// Where it was made, as `#fileID`:line.
    public let location: String

    init(_ code: Code, operation: String, message: String, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.location = "\(file):\(line)"
    }

    public var description: String { "\(operation): \(message)" }
}

/// How a run stands.
public struct LoadProgress: Sendable {
    /// Requests answered so far.
    public let answered: Int
    /// Those that failed, and answers of 5xx.
    public let errors: Int
    /// The longest latency since the last report, in milliseconds.
    public let maxMs: Double
}
