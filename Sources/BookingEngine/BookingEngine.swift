public import Domain
public import RedisClient

/// The one place where a booking changes its state: typed calls of the scripts.
///
/// A reply that was lost is asked for once more; every script says the same again when it runs twice.
public struct BookingEngine: Sendable {
    /// How long a finished, unsuccessful booking stays in Redis (ARCHITECTURE, Redis).
    public static let finishedKept: Duration = .seconds(86_400)

    public let redis: RedisClient
    public let limits: ReserveLimits
    public let queueLimits: QueueLimits
    /// While it says no, every call is refused; nil for tools and for what recovers, which ask all the same.
    let trust: Trust?
    private let gatherer: ReserveGatherer

    /// - Parameters:
    ///   - reservers: connections for reserves alone, each with one flight of them under way (``ReserveGatherer``).
    ///   - trust: told of by each connection; nil where calls are to be made in any case.
    public init(
        redis: RedisClient, reservers: [RedisClient] = [], limits: ReserveLimits = ReserveLimits(), queueLimits: QueueLimits = QueueLimits(),
        trust: Trust? = nil
    ) {
        self.redis = redis
        self.limits = limits
        self.queueLimits = queueLimits
        self.trust = trust
        trust?.watch(redis)
        gatherer = ReserveGatherer(connections: reservers.isEmpty ? [redis] : reservers, spare: redis, limits: limits, trust: trust)
    }

    /// Who asks for a reserve, and how it is told from another.
    public struct ReserveContext: Sendable {
        public let user: UserID
        public let idempotencyKey: String
        /// See ``Booking/bodyHash``.
        public let bodyHash: String
        /// W3C traceparent, or empty.
        public let trace: String
        /// Years, when known.
        public let age: Int64?
        /// The place whose pass was shown and is genuine, for this user and event.
        public let pass: QueueEntryID?
        public let origin: RequestOrigin?

        public init(
            user: UserID, idempotencyKey: String, bodyHash: String, trace: String, age: Int64?, pass: QueueEntryID? = nil,
            origin: RequestOrigin? = nil
        ) {
            self.user = user
            self.idempotencyKey = idempotencyKey
            self.bodyHash = bodyHash
            self.trace = trace
            self.age = age
            self.pass = pass
            self.origin = origin
        }
    }

    /// What ``reserve(_:_:booking:then:)`` came to, and the thousandths of a rate token that the user has left (`nil` when the rate was not looked at).
    public typealias ReserveResult = Result<(outcome: ReserveOutcome, tokensLeft: Int64?), EngineError>

    /// Reserves everything or nothing, without a task; together with other reserves of the moment, in one call of Redis.
    /// - Parameter then: called once, on Redis' I/O thread as a rule. It must not block.
    public func reserve(_ request: ReserveRequest, _ context: ReserveContext, booking: BookingID, then: @escaping @Sendable (ReserveResult) -> Void) {
        if let trust, !trust.isTrusted { return then(.failure(.untrusted("reserve"))) }
        gatherer.add(PendingReserve(request, context, booking: booking, then: then))
    }
}

extension Duration {
    /// Whole milliseconds, as they leave the process.
    public var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
