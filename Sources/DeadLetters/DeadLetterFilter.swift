public import Domain

/// Which dead letters are meant. All that is named must hold; what is nil does not matter.
public struct DeadLetterFilter: Sendable, Hashable, Codable {
    /// What became of a dead letter.
    public enum Status: String, Sendable, Codable, CaseIterable {
        case open
        case redriven
        case discarded
    }

    /// The consumer group that gave up.
    public var group: String?
    /// The class of the last failure.
    public var errorClass: String?
    /// Where the last failure was made.
    public var site: String?
    /// The CloudEvents type.
    public var type: String?
    /// The record's key.
    public var key: String?
    /// A part of the value, the error or the message's id; case does not matter.
    public var text: String?
    /// The last failure was then or later.
    public var since: Timestamp?
    /// The last failure was before.
    public var until: Timestamp?
    public var status: Status?
    /// Chosen ones; empty is all.
    public var places: [DeadLetterPlace]

    public init(
        group: String? = nil, errorClass: String? = nil, site: String? = nil, type: String? = nil, key: String? = nil, text: String? = nil,
        since: Timestamp? = nil, until: Timestamp? = nil, status: Status? = nil, places: [DeadLetterPlace] = []
    ) {
        self.group = group
        self.errorClass = errorClass
        self.site = site
        self.type = type
        self.key = key
        self.text = text
        self.since = since
        self.until = until
        self.status = status
        self.places = places
    }

    private enum CodingKeys: String, CodingKey {
        case group
        case errorClass = "error_class"
        case site, type, key, text, since, until, status, places
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func time(_ key: CodingKeys) throws -> Timestamp? {
            guard let text = try container.decodeIfPresent(String.self, forKey: key) else { return nil }
            guard let time = Timestamp(rfc3339: text) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "must be like 2026-11-21T10:00:00Z")
            }
            return time
        }
        func text(_ key: CodingKeys) throws -> String? { try container.decodeIfPresent(String.self, forKey: key) }
        self.init(
            group: try text(.group), errorClass: try text(.errorClass), site: try text(.site), type: try text(.type), key: try text(.key),
            text: try text(.text), since: try time(.since), until: try time(.until),
            status: try container.decodeIfPresent(Status.self, forKey: .status),
            places: try container.decodeIfPresent([DeadLetterPlace].self, forKey: .places) ?? [])
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(group, forKey: .group)
        try container.encodeIfPresent(errorClass, forKey: .errorClass)
        try container.encodeIfPresent(site, forKey: .site)
        try container.encodeIfPresent(type, forKey: .type)
        try container.encodeIfPresent(key, forKey: .key)
        try container.encodeIfPresent(text, forKey: .text)
        try container.encodeIfPresent(since?.description, forKey: .since)
        try container.encodeIfPresent(until?.description, forKey: .until)
        try container.encodeIfPresent(status, forKey: .status)
        if !places.isEmpty { try container.encode(places, forKey: .places) }
    }
}
