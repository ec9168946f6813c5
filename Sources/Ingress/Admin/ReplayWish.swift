import Domain
import Replays
import Topics

/// The body of `POST /admin/replays`: a replay's request as `rushctl replay` has it, and `dry_run`.
struct ReplayWish: Sendable {
    let request: ReplayRequest
    let isDryRun: Bool

    /// Reads and checks the JSON.
    /// - Throws: every fault that was found, each with its field.
    init(json: [UInt8]) throws(ValidationFailure) {
        var fields = Fields()
        do {
            var reader = JSONReader(json)
            try reader.object { (key, value) throws(JSONError) in try fields.take(key, &value) }
            try reader.end()
        } catch {
            throw ValidationFailure(error)
        }
        request = try fields.validated()
        isDryRun = fields.isDryRun
    }

    private struct Fields {
        var texts: [String: String] = [:]
        var from: ReplayRequest.Position?
        var until: ReplayRequest.Position?
        var partitions: [Int32]?
        var targets: [ReplayRequest.Target] = []
        var rate: Int64?
        var acceptsDifferences = false
        var isDryRun = false

        mutating func take(_ key: String, _ value: inout JSONReader) throws(JSONError) {
            switch key {
            case "topic", "key", "type": texts[key] = try Self.text(&value)
            case "from": from = try Self.position(&value)
            case "until": until = try Self.position(&value)
            case "partitions": partitions = try Self.partitions(&value)
            case "into": targets = try Self.targets(&value)
            case "rate": rate = try value.int()
            case "accept_differences": acceptsDifferences = try value.bool()
            case "dry_run": isDryRun = try value.bool()
            default: throw JSONError(path: [], reason: "is not a known field")
            }
        }

        func validated() throws(ValidationFailure) -> ReplayRequest {
            var faults: [ValidationFailure.Fault] = []
            if targets.count != 1 { faults.append(.init(field: "into", reason: "must be an object with one of group, worker and rebuild")) }
            if let rate, !(1...100_000).contains(rate) { faults.append(.init(field: "rate", reason: "must be from 1 to 100000")) }
            var topic = texts["topic"]
            if case .rebuild(let projection)? = targets.first { topic = topic ?? projection.topic.name }
            if let topic {
                if Topic(rawValue: topic) == nil { faults.append(.init(field: "topic", reason: "is no topic of this product")) }
            } else {
                faults.append(.init(field: "topic", reason: "is required"))
            }
            guard faults.isEmpty, let topic, let target = targets.first else { throw ValidationFailure(faults: faults) }
            return ReplayRequest(
                topic: topic, from: from, until: until, partitions: partitions, key: texts["key"], type: texts["type"], into: target,
                rate: rate.map { Int($0) }, acceptDifferences: acceptsDifferences)
        }

        private static func text(_ value: inout JSONReader) throws(JSONError) -> String {
            let text = try value.string()
            guard !text.isEmpty, text.utf8.count <= AdminFilter.longest, !text.utf8.contains(0) else {
                throw JSONError(path: [], reason: "must be 1 to \(AdminFilter.longest) bytes without NUL")
            }
            return text
        }

        private static func position(_ value: inout JSONReader) throws(JSONError) -> ReplayRequest.Position {
            var found: [ReplayRequest.Position] = []
            try value.object { (name, value) throws(JSONError) in
                switch name {
                case "offset":
                    let offset = try value.int()
                    if offset < 0 { throw JSONError(path: [], reason: "must not be negative") }
                    found.append(.offset(offset))
                case "time":
                    guard let time = Timestamp(rfc3339: try value.string()) else {
                        throw JSONError(path: [], reason: "must be a time like 2026-11-21T10:00:00Z")
                    }
                    found.append(.time(time))
                default: throw JSONError(path: [], reason: "is not a known field")
                }
            }
            guard found.count == 1 else { throw JSONError(path: [], reason: "must be an object with one of offset and time") }
            return found[0]
        }

        private static func partitions(_ value: inout JSONReader) throws(JSONError) -> [Int32] {
            var numbers: [Int32] = []
            try value.array { (element) throws(JSONError) in
                guard let number = Int32(exactly: try element.int()), (0..<1_000).contains(number), !numbers.contains(number) else {
                    throw JSONError(path: [], reason: "must hold different partitions, from 0 on")
                }
                numbers.append(number)
            }
            if numbers.isEmpty { throw JSONError(path: [], reason: "must not be empty") }
            return numbers
        }

        private static func targets(_ value: inout JSONReader) throws(JSONError) -> [ReplayRequest.Target] {
            var found: [ReplayRequest.Target] = []
            try value.object { (kind, value) throws(JSONError) in
                let name = try text(&value)
                switch kind {
                case "group", "worker":
                    guard Topic.deadLetters(of: name) != nil else { throw JSONError(path: [], reason: "is no consumer group of this product") }
                    found.append(kind == "group" ? .group(name) : .worker(name))
                case "rebuild":
                    guard let projection = ProjectionName(rawValue: name) else { throw JSONError(path: [], reason: ProjectionName.refusal(of: name)) }
                    found.append(.rebuild(projection))
                default: throw JSONError(path: [], reason: "is not a known field")
                }
            }
            return found
        }
    }
}
