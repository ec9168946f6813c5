/// Who did what to what: the value of `audit.recorded.v1`. A long action has two entries, one before it acts and one at its end.
public struct AuditEntry: Equatable, Sendable {
    /// How far the action was when the entry was made.
    public enum Outcome: String, Sendable, CaseIterable {
        /// It is about to begin.
        case accepted
        case succeeded
        case failed
    }

    /// Derived from what the entry tells, so that a second copy is recognised: of a job `<operation>/accepted`.
    public let id: String
    public let actor: AuditActor
    /// What was done, `dlq.redrive`.
    public let action: String
    /// The kind of thing it was done to, `dead_letters`.
    public let entity: String
    /// Which one; also the record's key.
    public let entityID: String
    public let outcome: Outcome
    /// Whose thing it is; `nil` for what belongs to the platform.
    public let tenant: TenantID?
    /// What was there before: JSON.
    public let old: [UInt8]?
    /// What was asked for, or what came of it: JSON, such as a filter and counts.
    public let new: [UInt8]?
    public var origin: RequestOrigin
    public let at: Timestamp

    /// - Parameter id: `nil` makes a random one, for an action that is not repeated.
    public init(
        id: String? = nil, actor: AuditActor, action: String, entity: String, entityID: String, outcome: Outcome, tenant: TenantID? = nil,
        old: [UInt8]? = nil, new: [UInt8]? = nil, origin: RequestOrigin = RequestOrigin(), at: Timestamp
    ) {
        self.id = id ?? UUIDBits.version7(nowMs: at.ms, shard: Shard(truncating: 0)).description
        self.actor = actor
        self.action = action
        self.entity = entity
        self.entityID = entityID
        self.outcome = outcome
        self.tenant = tenant
        self.old = old
        self.new = new
        self.origin = origin
        self.at = at
    }
}

extension AuditEntry {
    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("audit_id", id)
            $0.member("actor", actor.description)
            $0.member("action", action)
            $0.member("entity", entity)
            $0.member("entity_id", entityID)
            $0.member("outcome", outcome.rawValue)
            $0.member("tenant_id", ifPresent: tenant?.description)
            if let old {
                $0.key("old")
                $0.raw(old)
            }
            if let new {
                $0.key("new")
                $0.raw(new)
            }
            origin.write(&$0)
            $0.member("at_ms", at.ms)
        }
        return writer.bytes
    }

    /// Reads the JSON value; members that are not known are passed over.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var texts: [String: String] = [:]
        var values: [String: [UInt8]] = [:]
        var origin = RequestOrigin()
        var at: Int64?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "old", "new": values[key] = try value.value()
            case "at_ms": at = try value.int()
            case "audit_id", "actor", "action", "entity", "entity_id", "outcome", "tenant_id": texts[key] = try value.string()
            default: if try !origin.take(key, from: &value) { try value.skip() }
            }
        }
        try reader.end()
        func text(_ key: String) throws(JSONError) -> String {
            guard let text = texts[key] else { throw JSONError(path: [key], reason: "is missing") }
            return text
        }
        guard let at else { throw JSONError(path: ["at_ms"], reason: "is missing") }
        guard let actor = AuditActor(try text("actor")) else { throw JSONError(path: ["actor"], reason: "is not a user, an operator or a worker") }
        guard let outcome = Outcome(rawValue: try text("outcome")) else { throw JSONError(path: ["outcome"], reason: "is not known") }
        let tenant = texts["tenant_id"].flatMap { TenantID($0) }
        if tenant == nil, texts["tenant_id"] != nil { throw JSONError(path: ["tenant_id"], reason: "must be a UUID") }
        self.init(
            id: try text("audit_id"), actor: actor, action: try text("action"), entity: try text("entity"), entityID: try text("entity_id"),
            outcome: outcome, tenant: tenant, old: values["old"], new: values["new"], origin: origin, at: Timestamp(ms: at))
    }
}
