import Yams

/// Reads `topics.yaml` strictly: what it does not know is an error, not silence.
enum TopicParser {
    private static let known: Set<String> = ["name", "kind", "description", "partitions", "retention", "key", "types", "group", "of", "config"]
    /// More would only cost; Kafka itself advises a few thousand per broker.
    private static let maxPartitions = 1_000

    static func parse(_ yaml: String) throws(TopicError) -> [TopicDeclaration] {
        let root: Node?
        do { root = try Yams.compose(yaml: yaml) } catch { throw invalid("topics.yaml is not YAML: \(error)") }
        guard let root = root?.mapping, let list = root["topics"]?.sequence else { throw invalid("topics.yaml needs a list named topics") }
        for (key, _) in root where key.string != "topics" { throw invalid("topics.yaml has an unknown key \(key.string ?? "?")") }
        var drafts: [Draft] = []
        for node in list {
            let draft = try Draft(node)
            if drafts.contains(where: { $0.topic == draft.topic }) { throw invalid("\(draft.topic.name) is declared twice") }
            drafts.append(draft)
        }
        var topics: [TopicDeclaration] = []
        for draft in drafts { topics.append(try draft.declaration(among: drafts)) }
        return topics
    }

    static func invalid(_ message: String) -> TopicError {
        TopicError(.invalidDeclaration, operation: "load topics", message: message)
    }

    /// One topic as it is written, before the types of dead letters, retries and redrives are looked up.
    private struct Draft {
        let topic: Topic
        let fields: Node.Mapping

        init(_ node: Node) throws(TopicError) {
            guard let fields = node.mapping, let name = fields["name"]?.string else { throw invalid("a topic without a name") }
            guard let topic = Topic(rawValue: name) else { throw invalid("\(name) is declared, but Topic.swift has no case for it") }
            for (key, _) in fields where !TopicParser.known.contains(key.string ?? "") {
                throw invalid("\(name) has an unknown key \(key.string ?? "?")")
            }
            self.topic = topic
            self.fields = fields
        }

        func declaration(among drafts: [Draft]) throws(TopicError) -> TopicDeclaration {
            guard let kind = TopicDeclaration.Kind(rawValue: try text("kind")) else {
                throw invalid("\(topic.name): kind must be one of \(TopicDeclaration.Kind.allCases.map(\.rawValue))")
            }
            guard let partitions = fields["partitions"]?.int, (1...TopicParser.maxPartitions).contains(partitions) else {
                throw invalid("\(topic.name): partitions must be from 1 to \(TopicParser.maxPartitions)")
            }
            var types = try texts("types")
            var sources: [Topic] = []
            var group: String?
            if kind.isSecondHand {
                guard types.isEmpty else { throw invalid("\(topic.name): the types of dead letters, retries and redrives follow from \"of\"") }
                for name in try texts("of") {
                    guard let source = drafts.first(where: { $0.topic.name == name }) else { throw invalid("\(topic.name): \(name) is not declared") }
                    sources.append(source.topic)
                    types += try source.texts("types")
                }
                let owner = try text("group")
                let isNamed =
                    switch kind {
                    case .retries: Topic.retries(of: owner).contains(topic)
                    case .redrives: Topic.redrives(of: owner) == topic
                    default: Topic.deadLetters(of: owner) == topic
                    }
                guard isNamed else { throw invalid("\(topic.name): must be named after its group") }
                group = owner
            } else if fields["of"] != nil || fields["group"] != nil {
                throw invalid("\(topic.name): only dead letters, retries and redrives have \"of\" and \"group\"")
            }
            guard !types.isEmpty else { throw invalid("\(topic.name): carries no types") }
            return TopicDeclaration(
                topic: topic, kind: kind, description: try text("description"), partitions: partitions, retention: try retention(),
                key: try text("key"),
                types: types, group: group, sources: sources, config: try config())
        }

        private func text(_ key: String) throws(TopicError) -> String {
            guard let text = fields[key]?.string, !text.isEmpty else { throw invalid("\(topic.name): \(key) is missing") }
            return text
        }

        private func texts(_ key: String) throws(TopicError) -> [String] {
            guard let node = fields[key] else { return [] }
            guard let list = node.sequence else { throw invalid("\(topic.name): \(key) must be a list") }
            var texts: [String] = []
            for item in list {
                guard let text = item.string, !text.isEmpty else { throw invalid("\(topic.name): \(key) must be a list of names") }
                texts.append(text)
            }
            return texts
        }

        private func retention() throws(TopicError) -> Duration? {
            let text = try text("retention")
            if text == "forever" { return nil }
            guard let number = Int(text.dropLast()), number > 0 else { throw invalid("\(topic.name): retention must be forever, or like 7d or 12h") }
            switch text.last {
            case "d": return .seconds(number * 86_400)
            case "h": return .seconds(number * 3_600)
            default: throw invalid("\(topic.name): retention must be forever, or like 7d or 12h")
            }
        }

        private func config() throws(TopicError) -> [String: String] {
            guard let node = fields["config"] else { return [:] }
            guard let mapping = node.mapping else { throw invalid("\(topic.name): config must map names to values") }
            var config: [String: String] = [:]
            for (key, value) in mapping {
                guard let key = key.string, let value = value.string else { throw invalid("\(topic.name): config must map names to values") }
                if key == "retention.ms" { throw invalid("\(topic.name): say retention, not retention.ms") }
                config[key] = value
            }
            return config
        }
    }
}
