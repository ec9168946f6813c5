public import Domain

/// What is to be handled again, and by whom. As JSON:
///
/// ```
/// {"topic": "payment.commands", "from": {"time": "2026-11-21T02:00:00Z"}, "until": {"offset": 500}, "partitions": [0, 3], "key": "…",
///  "type": "payment.charge.v1", "into": {"worker": "payment"}, "rate": 200}
/// ```
public struct ReplayRequest: Sendable, Hashable, Codable {
    /// A place in every partition of a topic.
    public enum Position: Sendable, Hashable {
        case offset(Int64)
        /// The first record of that moment or later.
        case time(Timestamp)
    }

    /// Who handles the messages again.
    public enum Target: Sendable, Hashable {
        /// The whole consumer group: its offsets are set back. It must have no members.
        case group(String)
        /// The worker of that consumer group alone: copies on its redrive topic, beside what it reads.
        case worker(String)
        /// A projection: its tables are made anew beside those in use, compared with them, and take their place.
        case rebuild(ProjectionName)
    }

    /// The topic; a rebuild's follows from the projection.
    public var topic: String
    /// The first record; nil is the oldest that is kept.
    public var from: Position?
    /// The record after the last; nil is the end at the beginning of the replay.
    public var until: Position?
    /// Only these partitions; nil is all.
    public var partitions: [Int32]?
    /// Only records with this key.
    public var key: String?
    /// Only records of this CloudEvents type.
    public var type: String?
    public var into: Target
    /// Records a second, at most; nil is as fast as it goes.
    public var rate: Int?
    /// Whether a group's members are stopped before its offsets are set, and started again.
    public var stopFleet: Bool
    /// Whether a rebuild may take the place of tables that have rows which it does not have, or has otherwise.
    public var acceptDifferences: Bool

    /// Makes a request; whether it is right is seen when it is planned.
    public init(
        topic: String, from: Position? = nil, until: Position? = nil, partitions: [Int32]? = nil, key: String? = nil, type: String? = nil,
        into: Target, rate: Int? = nil, stopFleet: Bool = false, acceptDifferences: Bool = false
    ) {
        self.topic = topic
        self.from = from
        self.until = until
        self.partitions = partitions
        self.key = key
        self.type = type
        self.into = into
        self.rate = rate
        self.stopFleet = stopFleet
        self.acceptDifferences = acceptDifferences
    }

    /// Makes a projection anew from the beginning of its topic.
    public static func rebuild(_ projection: ProjectionName, rate: Int? = nil, acceptDifferences: Bool = false) -> ReplayRequest {
        ReplayRequest(topic: projection.topic.name, into: .rebuild(projection), rate: rate, acceptDifferences: acceptDifferences)
    }

    /// Whether single records are chosen, so that only reading them tells how many there are.
    public var isFiltered: Bool { key != nil || type != nil }

    /// What contradicts itself in it, without looking at the cluster.
    /// - Throws: `.invalidRequest`
    func validate() throws(ReplayError) {
        func refuse(_ message: String) -> ReplayError { ReplayError(.invalidRequest, "plan", message) }
        if let rate, rate < 1 { throw refuse("the rate must be at least 1 record a second") }
        if partitions?.isEmpty == true { throw refuse("no partition is named") }
        if case .offset(let first)? = from, first < 0 { throw refuse("an offset is at least 0") }
        switch into {
        case .group:
            if from == nil { throw refuse("say from where the group is to read again: from an offset or a time") }
            if until != nil { throw refuse("a group reads on to the end; for a part of the topic use a worker's side stream") }
            if isFiltered { throw refuse("a group reads everything; for some keys or types use a worker's side stream") }
            if rate != nil { throw refuse("a group reads as fast as its members work; for a rate use a worker's side stream") }
        case .worker:
            if stopFleet { throw refuse("a side stream needs no fleet to be stopped") }
        case .rebuild(let projection):
            if topic != projection.topic.name { throw refuse("\(projection.rawValue) are made of \(projection.topic.name), not of \(topic)") }
            if from != nil || until != nil || partitions != nil || isFiltered { throw refuse("a projection is made of its whole topic") }
            if stopFleet { throw refuse("a rebuild needs no fleet to be stopped") }
        }
    }
}

extension ReplayRequest {
    private enum CodingKeys: String, CodingKey {
        case topic, from, until, partitions, key, type, into, rate
        case stopFleet = "stop_fleet"
        case acceptDifferences = "accept_differences"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let into = try values.decode(Target.self, forKey: .into)
        var topic = try values.decodeIfPresent(String.self, forKey: .topic)
        if case .rebuild(let projection) = into { topic = topic ?? projection.topic.name }
        guard let topic else {
            throw DecodingError.keyNotFound(CodingKeys.topic, .init(codingPath: decoder.codingPath, debugDescription: "the topic is missing"))
        }
        self.init(
            topic: topic, from: try values.decodeIfPresent(Position.self, forKey: .from),
            until: try values.decodeIfPresent(Position.self, forKey: .until),
            partitions: try values.decodeIfPresent([Int32].self, forKey: .partitions), key: try values.decodeIfPresent(String.self, forKey: .key),
            type: try values.decodeIfPresent(String.self, forKey: .type), into: into, rate: try values.decodeIfPresent(Int.self, forKey: .rate),
            stopFleet: try values.decodeIfPresent(Bool.self, forKey: .stopFleet) ?? false,
            acceptDifferences: try values.decodeIfPresent(Bool.self, forKey: .acceptDifferences) ?? false)
    }
}

extension ReplayRequest.Position: Codable {
    private enum CodingKeys: String, CodingKey { case offset, time }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let offset = try values.decodeIfPresent(Int64.self, forKey: .offset) {
            self = .offset(offset)
            return
        }
        guard let time = Timestamp(rfc3339: try values.decode(String.self, forKey: .time)) else {
            throw DecodingError.dataCorruptedError(forKey: .time, in: values, debugDescription: "must be a time as RFC 3339 has it")
        }
        self = .time(time)
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .offset(let offset): try values.encode(offset, forKey: .offset)
        case .time(let time): try values.encode(time.description, forKey: .time)
        }
    }
}

extension ReplayRequest.Target: Codable {
    private enum CodingKeys: String, CodingKey { case group, worker, rebuild }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let group = try values.decodeIfPresent(String.self, forKey: .group) {
            self = .group(group)
        } else if let worker = try values.decodeIfPresent(String.self, forKey: .worker) {
            self = .worker(worker)
        } else {
            let name = try values.decode(String.self, forKey: .rebuild)
            guard let projection = ProjectionName(rawValue: name) else {
                throw DecodingError.dataCorruptedError(forKey: .rebuild, in: values, debugDescription: ProjectionName.refusal(of: name))
            }
            self = .rebuild(projection)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .group(let group): try values.encode(group, forKey: .group)
        case .worker(let worker): try values.encode(worker, forKey: .worker)
        case .rebuild(let projection): try values.encode(projection.rawValue, forKey: .rebuild)
        }
    }

    /// `group`, `worker` or `rebuild`.
    public var kind: String {
        switch self {
        case .group: "group"
        case .worker: "worker"
        case .rebuild: "rebuild"
        }
    }

    /// The group's or the projection's name.
    public var name: String {
        switch self {
        case .group(let name), .worker(let name): name
        case .rebuild(let projection): projection.rawValue
        }
    }
}
