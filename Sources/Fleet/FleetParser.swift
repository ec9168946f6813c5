import Foundation
import Topics
import Yams

extension FleetPlan {
    /// Reads a file such as `ops/fleet.yaml`, strictly: what it does not know is an error, not silence.
    /// - Throws: ``FleetError``: `.invalidFile`, which names the field and the line.
    public init(path: String) throws(FleetError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FleetError(.invalidFile, operation: "read \(path)", message: "it is not there, or cannot be read")
        }
        self = try FleetPlan(yaml: String(decoding: data, as: UTF8.self), name: path)
    }

    /// Reads the text of such a file.
    /// - Parameter name: what errors call it.
    public init(yaml: String, name: String = "fleet.yaml") throws(FleetError) {
        let node: Node?
        do { node = try Yams.compose(yaml: yaml) } catch {
            throw FleetError(.invalidFile, operation: "read \(name)", message: "\(error)", underlying: error)
        }
        guard let node else { throw FleetError(.invalidFile, operation: "read \(name)", message: "it is empty") }
        let root = try FleetFields(node, file: name, path: "")
        try root.allow("sample", "drain", "workers")
        let workers = try root.fields("workers")
        guard !workers.names.isEmpty else { throw root.invalid("workers", "must name at least one worker") }
        self.init(workers: [])
        sample = try root.duration("sample", in: .milliseconds(100) ... .seconds(300)) ?? sample
        drain = try root.duration("drain", in: .seconds(1) ... .seconds(600)) ?? drain
        for worker in workers.names { self.workers.append(try Self.worker(worker, workers.fields(worker))) }
    }

    /// A binary's name, which is also part of file names, of Kafka's names and of Kubernetes'.
    private static var names: Regex<Substring> { /[a-z][a-z0-9-]{0,39}/ }
    private static var variables: Regex<Substring> { /[A-Z][A-Z0-9_]*/ }
    /// The supervisor's own, different for each copy.
    private static let reserved: Set<String> = ["METRICS_PORT", "WORKER_INSTANCE_ID"]

    private static func worker(_ name: String, _ fields: FleetFields) throws(FleetError) -> WorkerPlan {
        guard name.wholeMatch(of: names) != nil else { throw fields.invalid(nil, "is no worker's name: small letters, digits and hyphens") }
        try fields.allow("group", "topics", "lag", "copies", "cool_down", "environment")
        let lag = try fields.fields("lag")
        try lag.allow("messages", "seconds", "arrivals")
        guard let messages = try lag.int("messages", in: 1...100_000_000) else { throw lag.invalid("messages", "is missing") }
        var worker = WorkerPlan(
            name: name, group: try fields.text("group"), topics: try fields.topics("topics"), messages: messages,
            seconds: try lag.number("seconds", from: 0.1, to: 86_400), arrivals: try lag.number("arrivals", from: 0.1, to: 10_000_000))
        if fields.has("copies") {
            let copies = try fields.fields("copies")
            try copies.allow("min", "max")
            worker.minimum = try copies.int("min", in: 1...100) ?? worker.minimum
            worker.maximum = try copies.int("max", in: 1...100) ?? max(worker.maximum, worker.minimum)
            if worker.minimum > worker.maximum { throw copies.invalid("min", "is \(worker.minimum), more than max, \(worker.maximum)") }
        }
        worker.coolDown = try fields.duration("cool_down", in: .milliseconds(100) ... .seconds(86_400)) ?? worker.coolDown
        if fields.has("environment") {
            let environment = try fields.fields("environment")
            for variable in environment.names {
                guard variable.wholeMatch(of: variables) != nil else { throw environment.invalid(variable, "is no variable's name") }
                if reserved.contains(variable) { throw environment.invalid(variable, "is set by the supervisor, for each copy its own") }
                worker.environment[variable] = try environment.text(variable)
            }
        }
        return worker
    }
}

/// A mapping of the file, with its path for errors.
private struct FleetFields {
    private let mapping: Node.Mapping
    private let file: String
    private let path: String
    private let line: Int

    init(_ node: Node, file: String, path: String) throws(FleetError) {
        (self.file, self.path, line) = (file, path, node.mark?.line ?? 1)
        guard let mapping = node.mapping else {
            throw FleetError(
                .invalidFile, operation: "read \(file)", message: "line \(line): \(path.isEmpty ? "the file" : path) must map names to values")
        }
        self.mapping = mapping
    }

    /// In the order of the file.
    var names: [String] { mapping.map { $0.key.string ?? "?" } }

    func has(_ name: String) -> Bool { mapping[name] != nil }

    func allow(_ known: String...) throws(FleetError) {
        for (key, _) in mapping where !known.contains(key.string ?? "") {
            throw invalid(key.string ?? "?", "is not known; known are \(known.joined(separator: ", "))", line: key.mark?.line)
        }
    }

    func invalid(_ name: String?, _ reason: String, line: Int? = nil) -> FleetError {
        let field = [path, name ?? ""].filter { !$0.isEmpty }.joined(separator: ".")
        let at = line ?? name.flatMap { mapping[$0]?.mark?.line } ?? self.line
        return FleetError(.invalidFile, operation: "read \(file)", message: "line \(at): \(field) \(reason)")
    }

    func fields(_ name: String) throws(FleetError) -> FleetFields {
        guard let node = mapping[name] else { throw invalid(name, "is missing") }
        return try FleetFields(node, file: file, path: path.isEmpty ? name : "\(path).\(name)")
    }

    func text(_ name: String) throws(FleetError) -> String? {
        guard let node = mapping[name] else { return nil }
        guard let text = node.scalar?.string else { throw invalid(name, "must be a text") }
        return text
    }

    func int(_ name: String, in range: ClosedRange<Int>) throws(FleetError) -> Int? {
        guard let node = mapping[name] else { return nil }
        guard let number = node.int, range.contains(number) else {
            throw invalid(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func number(_ name: String, from low: Double, to high: Double) throws(FleetError) -> Double? {
        guard let node = mapping[name] else { return nil }
        guard let number = node.float, number >= low, number <= high else { throw invalid(name, "must be a number from \(low) to \(high)") }
        return number
    }

    func duration(_ name: String, in range: ClosedRange<Duration>) throws(FleetError) -> Duration? {
        guard let text = try text(name) else { return nil }
        guard let match = text.wholeMatch(of: /([0-9]{1,9})(ms|s|m)/), let number = Int64(match.1) else {
            throw invalid(name, "must be a time such as 500ms, 60s or 5m, not \"\(text)\"")
        }
        let duration: Duration = match.2 == "ms" ? .milliseconds(number) : .seconds(match.2 == "m" ? number * 60 : number)
        guard range.contains(duration) else { throw invalid(name, "must be from \(range.lowerBound) to \(range.upperBound)") }
        return duration
    }

    func topics(_ name: String) throws(FleetError) -> [Topic] {
        guard let node = mapping[name] else { throw invalid(name, "is missing") }
        guard let list = node.sequence, !list.isEmpty else { throw invalid(name, "must be a list of topics") }
        var topics: [Topic] = []
        for item in list {
            guard let topic = item.string.flatMap(Topic.init(rawValue:)) else {
                throw invalid(name, "has \(item.string ?? "?"), which topics/topics.yaml does not declare", line: item.mark?.line)
            }
            topics.append(topic)
        }
        return topics
    }
}
