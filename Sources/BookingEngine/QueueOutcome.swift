public import Domain

/// What joining a line came to.
public enum QueueJoinOutcome: Equatable, Sendable {
    /// In line now; the entry is to be published. It is missing when the first reply was lost: then the sweeper publishes it.
    case joined(QueueEntry, OutboxEntry?)
    /// Was in line or had a pass already, and keeps it.
    case kept(QueueEntry)
    /// There is no line: a reserve needs no pass.
    case off
    /// Nobody may join: by an operator's word, or because the sale is over.
    case closed
    /// The line opens at that moment.
    case notOpenYet(Timestamp)
    case ageRestricted(minimum: Int64)
    case overLimit(limit: Int64, alreadyHeld: Int64)
    case soldOut
    /// No such event is on sale here.
    case eventUnknown
    case outboxFull

    /// A short name, bounded, for metric labels.
    public var label: String {
        switch self {
        case .joined: "joined"
        case .kept: "kept"
        case .off: "off"
        case .closed: "closed"
        case .notOpenYet: "not_open_yet"
        case .ageRestricted: "age_restricted"
        case .overLimit: "over_limit"
        case .soldOut: "sold_out"
        case .eventUnknown: "event_unknown"
        case .outboxFull: "outbox_full"
        }
    }
}

/// What leaving a line came to.
public enum QueueLeaveOutcome: Equatable, Sendable {
    /// Done now, and a pass given back; the entry is to be published.
    case left(QueueEntry, OutboxEntry?)
    /// Was not in line: how the last place ended, if there was one.
    case notInLine(QueueEntry?)
}

/// What switching a line came to.
public enum QueueModeOutcome: Equatable, Sendable {
    /// Done now; the entry is to be published.
    case changed(QueueLine, OutboxEntry)
    /// It was so already.
    case unchanged
    /// No such event is on sale here.
    case eventUnknown
}

/// What one round of an event's line did.
public struct AdmitReport: Equatable, Sendable {
    /// Who got a pass in this round.
    public var admitted: Int64 = 0
    /// People in line after it.
    public var waiting: Int64 = 0
    /// Passes that are neither used nor run out.
    public var passes: Int64 = 0
    /// Whether the next round has something to do at once: a draw, or people to be told, takes several.
    public var hasMore = false
    /// When the next round may admit.
    public var next: Duration = .seconds(1)
    /// Whether the line is over, and no round needed until somebody joins.
    public var isOver = false
    /// Whether the outbox was full, so that nothing was done.
    public var isOutboxFull = false
    /// Events of what happened; to be published.
    public var told: [OutboxEntry] = []

    public init() {}
}

/// The figures of the waiting room (SPEC, F7).
public struct QueueLimits: Sendable {
    /// How long before the sale one may join.
    public var opensBefore: Duration = .seconds(1800)
    /// How long a pass lasts.
    public var pass: Duration = .seconds(300)
    /// People admitted in a second, at most.
    public var batch: Int64 = 100
    /// Reserves in a second above which a line is switched on; 0 for never.
    public var automaticRate: Int64 = 1000
    /// How long a line that was switched on so is empty before it is switched off.
    public var automaticOffAfter: Duration = .seconds(60)

    public init() {}
}
