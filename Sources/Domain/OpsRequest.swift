/// What an operator wants done: the member `request` of a command on `ops.commands`. Filters and the like are JSON of the tool that does it.
public enum OpsRequest: Equatable, Sendable {
    /// Sends dead letters to the consumer that failed, again.
    case redrive(Redrive)
    /// Puts dead letters aside for good.
    case discard(Discard)
    /// Takes in dead letters that were exported: NDJSON.
    case importing(ndjson: String)
    /// Has messages of a topic handled again: the replay's request as JSON.
    case replay([UInt8])

    /// Which dead letters are redriven, and how.
    public struct Redrive: Equatable, Sendable {
        /// JSON.
        public let filter: [UInt8]
        /// How often a message may be redriven in all.
        public let maxRedrives: Int
        /// Messages a second; `nil` is as fast as they are taken.
        public let rate: Int?

        public init(filter: [UInt8], maxRedrives: Int, rate: Int?) {
            self.filter = filter
            self.maxRedrives = maxRedrives
            self.rate = rate
        }
    }

    /// Which dead letters are put aside, and why.
    public struct Discard: Equatable, Sendable {
        /// JSON.
        public let filter: [UInt8]
        /// For people.
        public let reason: String

        public init(filter: [UInt8], reason: String) {
            self.filter = filter
            self.reason = reason
        }
    }

    /// The type of the command that carries it.
    public var messageType: MessageType {
        switch self {
        case .redrive: .opsRedrive
        case .discard: .opsDiscard
        case .importing: .opsImport
        case .replay: .opsReplay
        }
    }

    /// What it does, as operations and the audit call it: `dlq.redrive`.
    public var action: String {
        switch self {
        case .redrive: "dlq.redrive"
        case .discard: "dlq.discard"
        case .importing: "dlq.import"
        case .replay: "replay"
        }
    }

    func write(_ writer: inout JSONWriter) {
        switch self {
        case .redrive(let redrive):
            writer.object {
                $0.key("filter")
                $0.raw(redrive.filter)
                $0.member("max_redrives", redrive.maxRedrives)
                if let rate = redrive.rate { $0.member("rate", rate) }
            }
        case .discard(let discard):
            writer.object {
                $0.key("filter")
                $0.raw(discard.filter)
                $0.member("reason", discard.reason)
            }
        case .importing(let ndjson): writer.object { $0.member("ndjson", ndjson) }
        case .replay(let request): writer.raw(request)
        }
    }

    init(_ type: MessageType, _ reader: inout JSONReader) throws(JSONError) {
        if type == .opsReplay {
            self = .replay(try reader.value())
            return
        }
        var filter: [UInt8]?
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "filter": filter = try value.value()
            case "reason", "ndjson": texts[key] = try value.string()
            case "max_redrives", "rate": numbers[key] = try value.int()
            default: try value.skip()
            }
        }
        func missing(_ key: String) -> JSONError { JSONError(path: [key], reason: "is missing") }
        switch type {
        case .opsRedrive:
            guard let filter else { throw missing("filter") }
            guard let limit = numbers["max_redrives"].flatMap({ Int(exactly: $0) }) else { throw missing("max_redrives") }
            self = .redrive(Redrive(filter: filter, maxRedrives: limit, rate: numbers["rate"].flatMap { Int(exactly: $0) }))
        case .opsDiscard:
            guard let filter else { throw missing("filter") }
            guard let reason = texts["reason"] else { throw missing("reason") }
            self = .discard(Discard(filter: filter, reason: reason))
        case .opsImport:
            guard let ndjson = texts["ndjson"] else { throw missing("ndjson") }
            self = .importing(ndjson: ndjson)
        default: throw JSONError(path: [], reason: "is of the type \(type.rawValue), which is no job")
        }
    }
}
