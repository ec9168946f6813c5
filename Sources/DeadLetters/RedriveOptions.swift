public import Domain

/// How dead letters are redriven.
public struct RedriveOptions: Sendable {
    /// Who wants it.
    public var actor: AuditActor
    /// The job's id; the same id goes on with what a killed run left.
    public var jobID: String
    /// A message that was redriven so often stays where it is. Default 3.
    public var maxRedrives: Int
    /// Messages a second; nil is as fast as they are taken.
    public var rate: Int?
    /// Only says what would be done.
    public var isDryRun: Bool
    /// A JSON merge patch (RFC 7396) to each value. The copies are messages of their own, with new ids; only for dead letters that are named one by one.
    public var edit: [UInt8]?

    public init(
        actor: AuditActor, jobID: String? = nil, maxRedrives: Int = 3, rate: Int? = nil, isDryRun: Bool = false, edit: [UInt8]? = nil
    ) {
        self.actor = actor
        self.jobID = jobID ?? DeadLetterDesk.newID()
        self.maxRedrives = maxRedrives
        self.rate = rate
        self.isDryRun = isDryRun
        self.edit = edit
    }
}

/// How far a redrive is.
public struct RedriveProgress: Sendable, Encodable {
    public let jobID: String
    public let done: Int
    public let total: Int
    /// Messages a second so far.
    public let perSecond: Double
    /// At that speed; nil before anything is done.
    public let secondsLeft: Double?
}

/// What a redrive did, or with a dry run would do.
public struct RedriveReport: Sendable, Encodable {
    /// One that could not be sent.
    public struct Fault: Sendable, Encodable, Hashable {
        public let place: DeadLetterPlace
        public let reason: String
    }

    public let jobID: String
    public let isDryRun: Bool
    /// Why they had failed: those that fit the filter and are open.
    public var reasons: [DeadLetterGroup]
    /// Open dead letters that fit the filter, at the beginning.
    public var matched = 0
    /// Sent and marked. With a dry run 0.
    public var redriven = 0
    /// Of those, what an earlier run of a killed process had sent already.
    public var foundSent = 0
    /// Redriven too often, and so left where they are.
    public var stayed = 0
    /// In the hands of another job.
    public var busy = 0
    /// What could not be sent; it stays open.
    public var failed: [Fault] = []
    public var seconds = 0.0
}
