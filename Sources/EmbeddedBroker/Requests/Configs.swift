/// Keys 32, 33 and 44: settings of topics; the broker's own can be read.
extension Broker {
    private enum ResourceType {
        static let topic: Int8 = 2
        static let broker: Int8 = 4
    }

    private struct Entry {
        var name: String
        var value: String
        /// 1 is set on the topic, 4 on the broker's command line, 5 is the default (KIP-226).
        var source: Int8
        var isReadOnly: Bool
    }

    /// Key 32.
    func handleDescribeConfigs(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        let resources = try reader.array { reader throws(BrokerError) in
            let type = try reader.int8()
            let name = try reader.string()
            var names: Set<String>?
            if let count = try reader.nullableCount() {
                var list: Set<String> = []
                for _ in 0..<count { list.insert(try reader.string()) }
                names = list
            }
            return (type, name, names)
        }
        let withSynonyms = version >= 1 ? try reader.bool() : false
        exchange.reply(capacity: 2_048) { writer in
            writer.noThrottle()
            writer.array(resources) { writer, resource in
                let (type, name, names) = resource
                let (error, entries) = entries(of: type, name)
                writer.error(error)
                writer.nullableString(error == .none ? nil : "no such resource")
                writer.int8(type)
                writer.string(name)
                writer.array(entries.filter { names?.contains($0.name) ?? true }) { writer, entry in
                    writer.string(entry.name)
                    writer.nullableString(entry.value)
                    writer.bool(entry.isReadOnly)
                    if version == 0 { writer.bool(entry.source == 5) } else { writer.int8(entry.source) }
                    writer.bool(false)
                    guard version >= 1 else { return }
                    writer.array(withSynonyms ? [entry] : []) { writer, entry in
                        writer.string(entry.name)
                        writer.nullableString(entry.value)
                        writer.int8(entry.source)
                    }
                }
            }
        }
    }

    private func entries(of type: Int8, _ name: String) -> (ErrorCode, [Entry]) {
        switch type {
        case ResourceType.topic:
            guard let topic = topics[name] else { return (.unknownTopicOrPartition, []) }
            let entries = TopicConfiguration.settings.map { setting in
                let isSet = topic.configuration.overrides[setting.name] != nil
                return Entry(name: setting.name, value: topic.configuration.value(of: setting), source: isSet ? 1 : 5, isReadOnly: false)
            }
            return (.none, entries)
        case ResourceType.broker:
            guard name == String(Self.nodeID) || name.isEmpty else { return (.invalidRequest, []) }
            let values = [
                "advertised.listeners": "PLAINTEXT://\(advertised)", "auto.create.topics.enable": String(configuration.autoCreateTopics),
                "broker.id": String(Self.nodeID), "log.dirs": configuration.dataDirectory,
                "num.partitions": String(configuration.defaultPartitions), "socket.request.max.bytes": String(BrokerLimits.maxFrameBytes),
            ]
            return (.none, values.sorted { $0.key < $1.key }.map { Entry(name: $0.key, value: $0.value, source: 4, isReadOnly: true) })
        default: return (.invalidRequest, [])
        }
    }

    /// Key 33: the settings named become all that is set.
    func handleAlterConfigs(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        try alter(exchange, &reader) { reader, _ throws(BrokerError) in
            var overrides: [String: String] = [:]
            for _ in 0..<(try reader.count()) {
                let name = try reader.string()
                if let value = try reader.nullableString() { overrides[name] = value }
            }
            return overrides
        }
    }

    /// Key 44: the settings named are set or unset, the others stay (KIP-339).
    func handleIncrementalAlterConfigs(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        try alter(exchange, &reader) { reader, present throws(BrokerError) in
            var overrides = present
            for _ in 0..<(try reader.count()) {
                let name = try reader.string()
                let operation = try reader.int8()
                let value = try reader.nullableString()
                // 0 sets, 1 deletes; 2 and 3 are for lists, of which there are none.
                if operation == 0, let value { overrides[name] = value }
                if operation == 1 { overrides[name] = nil }
            }
            return overrides
        }
    }

    private func alter(
        _ exchange: Exchange, _ reader: inout WireReader,
        _ read: (inout WireReader, [String: String]) throws(BrokerError) -> [String: String]
    ) throws(BrokerError) {
        let wanted = try reader.array { reader throws(BrokerError) in
            let type = try reader.int8()
            let name = try reader.string()
            return (type, name, try read(&reader, topics[name]?.configuration.overrides ?? [:]))
        }
        let onlyValidate = try reader.bool()
        let results = wanted.map { type, name, overrides -> (ErrorCode, String?) in
            guard type == ResourceType.topic else { return (.invalidRequest, "only topics have settings that can be altered") }
            guard let topic = topics[name] else { return (.unknownTopicOrPartition, nil) }
            do throws(InvalidSetting) {
                let configuration = try TopicConfiguration(overrides: overrides)
                if !onlyValidate {
                    topic.configuration = configuration
                    pipeline.append([.topic(topic.stored)])
                }
                return (.none, nil)
            } catch {
                return (.invalidConfig, error.description)
            }
        }
        pipeline.append([]) { storeError in
            exchange.reply { writer in
                writer.noThrottle()
                writer.array(zip(wanted, results).map { ($0.0, $0.1, $1.0, $1.1) }) { writer, result in
                    writer.error(result.2 == .none ? storeError : result.2)
                    writer.nullableString(result.3)
                    writer.int8(result.0)
                    writer.string(result.1)
                }
            }
        }
    }
}
