/// One person's place in an event's line, as it is at a moment.
public struct QueueEntry: Equatable, Sendable {
    /// Where the place is in its life.
    public enum Status: String, Sendable, CaseIterable {
        case waiting
        /// Has a pass.
        case admitted
        /// The pass bought something.
        case used
        case left
        /// The pass ran out unused.
        case lapsed
        /// The event sold out first.
        case soldOut = "sold_out"
        /// The line ended first: the sale closed, or the queue was switched off.
        case ended

        /// Whether nothing can follow, so that a waiter need not wait. Such a person may join anew.
        public var isFinal: Bool { self != .waiting && self != .admitted }
    }

    public let id: QueueEntryID
    public let event: EventID
    public let user: UserID
    public var status: Status
    /// 1 for the next to be admitted. Absent before the order was drawn, and for those who do not wait.
    public var position: Int64?
    /// People before this one.
    public var ahead: Int64? { position.map { $0 - 1 } }
    /// Absent where nothing can be said: no places are free, and none have come back of late.
    public var estimatedWaitSeconds: Int64?
    /// Tells one view from another; later views have higher ones. It is the ETag.
    ///
    /// It holds when the view was made, and the position that was shown, so that ``differs(from:)`` needs no memory.
    public var version: Int64
    public var joinedAt: Timestamp
    /// Of the status.
    public var updatedAt: Timestamp
    /// When the pass runs out.
    public var passExpiresAt: Timestamp?

    /// - Parameter viewedAt: Redis' time; positions move with it.
    public init(
        id: QueueEntryID, event: EventID, user: UserID, status: Status, position: Int64?, estimatedWaitSeconds: Int64?, joinedAt: Timestamp,
        updatedAt: Timestamp, passExpiresAt: Timestamp?, viewedAt: Timestamp
    ) {
        self.id = id
        self.event = event
        self.user = user
        self.status = status
        self.position = position
        self.estimatedWaitSeconds = estimatedWaitSeconds
        self.joinedAt = joinedAt
        self.updatedAt = updatedAt
        self.passExpiresAt = passExpiresAt
        version =
            status == .waiting
            ? max(viewedAt, updatedAt).ms << Self.positionBits | min(position ?? 0, Self.noPosition - 1)
            : updatedAt.ms << Self.positionBits | Self.noPosition
    }

    /// How long a view's position counts as unchanged, whatever happens (SPEC, section 2).
    public static let steady: Duration = .seconds(5)
    /// Room in a version for a position; 43 bits are left for milliseconds since 1970.
    private static let positionBits: Int64 = 20
    /// The position in the version of one who does not wait.
    private static let noPosition: Int64 = 1 << positionBits - 1

    /// Whether this view counts as changed since the one with that version: another status, the order drawn, or, at most every ``steady``, the position
    /// moved by 5 %.
    public func differs(from version: Int64) -> Bool {
        if status != .waiting { return self.version != version }
        let seenMs = version >> Self.positionBits
        let nowMs = self.version >> Self.positionBits
        let seen = version & Self.noPosition
        let shown = self.version & Self.noPosition
        if seenMs < updatedAt.ms || seenMs > nowMs || seen == Self.noPosition { return true }
        if seen == shown { return false }
        if seen == 0 || shown == 0 { return true }
        return abs(shown - seen) * 20 >= seen && (nowMs - seenMs) >= Self.steady.components.seconds * 1000
    }
}
