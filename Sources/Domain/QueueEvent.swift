/// What `queue.events` tells: a person's place in a line, or the line itself, each with its whole state after the transition.
public enum QueueEvent: Equatable, Sendable {
    case place(QueuePlace)
    case line(QueueLine)

    /// Reads an event's JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        self = members.optionalText("entry_id") == nil ? .line(try QueueLine(members)) : .place(try QueuePlace(members))
    }

    public var event: EventID {
        switch self {
        case .place(let place): place.event
        case .line(let line): line.event
        }
    }
}

/// A person's place, as an event tells of it and as it is put back after a loss.
public struct QueuePlace: Equatable, Sendable {
    public var id: QueueEntryID
    public var event: EventID
    public var tenant: TenantID
    public var user: UserID
    public var status: QueueEntry.Status
    /// Counts those who joined the line, from 1.
    public var number: Int64
    /// Places are in the order of this; absent where the draw gives it: see ``QueueLine/seed``.
    public var place: Int64?
    /// Of the line after the transition: higher for each of its events.
    public var version: Int64
    public var joinedAt: Timestamp
    public var updatedAt: Timestamp
    /// When the pass runs out, for one who was admitted.
    public var passExpiresAt: Timestamp?

    init(_ members: Members) throws(JSONError) {
        guard let status = QueueEntry.Status(rawValue: try members.text("status")) else { throw JSONError(path: ["status"], reason: "is unknown") }
        id = try members.sharded("entry_id")
        event = try members.id("event_id")
        tenant = try members.id("tenant_id")
        user = try members.id("user_id")
        self.status = status
        number = try members.number("number")
        place = members.optionalNumber("place")
        version = try members.number("version")
        joinedAt = Timestamp(ms: try members.number("joined_at_ms"))
        updatedAt = Timestamp(ms: try members.number("updated_at_ms"))
        passExpiresAt = members.optionalNumber("pass_expires_at_ms").map { Timestamp(ms: $0) }
    }
}

/// An event's line.
public struct QueueLine: Equatable, Sendable {
    public var event: EventID
    public var tenant: TenantID
    public var mode: QueueMode
    public var origin: QueueModeOrigin
    /// Who switched the mode: a user's id or the name of a process.
    public var actor: String
    /// What the last draw began from, in hexadecimal. Those who had joined with a ``QueuePlace/number`` of at most ``drawnTo`` stand in the order of
    /// ``ticket(of:seed:)``, which anyone can compute; the smallest is first.
    public var seed: String?
    /// The number of the last who took part in the draw.
    public var drawnTo: Int64
    /// Of the line after the transition.
    public var version: Int64
    public var updatedAt: Timestamp
    /// People in line; only where the line was read, not in an event.
    public var waiting: Int64?
    /// Passes that are neither used nor run out; only where the line was read.
    public var admitted: Int64?

    public init(
        event: EventID, tenant: TenantID, mode: QueueMode, origin: QueueModeOrigin, actor: String, seed: String?, drawnTo: Int64, version: Int64,
        updatedAt: Timestamp, waiting: Int64? = nil, admitted: Int64? = nil
    ) {
        self.event = event
        self.tenant = tenant
        self.mode = mode
        self.origin = origin
        self.actor = actor
        self.seed = seed
        self.drawnTo = drawnTo
        self.version = version
        self.updatedAt = updatedAt
        self.waiting = waiting
        self.admitted = admitted
    }

    init(_ members: Members) throws(JSONError) {
        guard let mode = QueueMode(rawValue: try members.text("mode")) else { throw JSONError(path: ["mode"], reason: "is unknown") }
        guard let origin = QueueModeOrigin(rawValue: try members.text("origin")) else { throw JSONError(path: ["origin"], reason: "is unknown") }
        self.init(
            event: try members.id("event_id"), tenant: try members.id("tenant_id"), mode: mode, origin: origin, actor: try members.text("actor"),
            seed: members.optionalText("seed"), drawnTo: members.optionalNumber("drawn_to") ?? 0, version: try members.number("version"),
            updatedAt: Timestamp(ms: try members.number("updated_at_ms")))
    }
}
