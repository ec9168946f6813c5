/// Keys 19, 20, 21 and 37: topics and partitions.
extension Broker {
    /// What came of one topic's part of a request.
    struct TopicResult {
        var name: String
        var error: ErrorCode
        var message: String?
    }

    /// Creates a topic in memory and puts it in line for the state log; false when there is no room for its partitions.
    func create(_ name: String, partitions: Int32, configuration: TopicConfiguration) -> Bool {
        guard partitionCount + Int(partitions) <= BrokerLimits.maxPartitions else { return false }
        let stored = StoredTopic(id: stateLog.state.nextTopicID, name: name, partitions: partitions, overrides: configuration.overrides)
        topics[name] = Topic(stored: stored, dataDirectory: self.configuration.dataDirectory, configuration: configuration)
        pipeline.append([.topic(stored)])
        return true
    }

    /// Key 19.
    func handleCreateTopics(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        struct Wanted {
            var name: String
            var partitions: Int32
            var replicas: Int16
            var assigned: [Int32]
            var overrides: [String: String]
        }
        let wanted = try reader.array { reader throws(BrokerError) in
            let name = try reader.string()
            let partitions = try reader.int32()
            let replicas = try reader.int16()
            let assigned = try reader.array { reader throws(BrokerError) in
                let index = try reader.int32()
                _ = try reader.array { reader throws(BrokerError) in try reader.int32() }
                return index
            }
            var overrides: [String: String] = [:]
            for _ in 0..<(try reader.count()) {
                let key = try reader.string()
                if let value = try reader.nullableString() { overrides[key] = value }
            }
            return Wanted(name: name, partitions: partitions, replicas: replicas, assigned: assigned, overrides: overrides)
        }
        _ = try reader.int32()
        let onlyValidate = version >= 1 ? try reader.bool() : false
        var names: Set<String> = []
        let results = wanted.map { topic in
            guard names.insert(topic.name).inserted else { return TopicResult(name: topic.name, error: .invalidRequest, message: "named twice") }
            let count =
                topic.assigned.isEmpty ? (topic.partitions == -1 ? configuration.defaultPartitions : topic.partitions) : Int32(topic.assigned.count)
            return create(topic.name, count: count, replicas: topic.replicas, overrides: topic.overrides, onlyValidate: onlyValidate)
        }
        reply(exchange, to: results, throttleSince: 2, messageSince: 1)
    }

    private func create(_ name: String, count: Int32, replicas: Int16, overrides: [String: String], onlyValidate: Bool) -> TopicResult {
        func refuse(_ error: ErrorCode, _ message: String) -> TopicResult { TopicResult(name: name, error: error, message: message) }
        guard Topic.isValid(name: name) else { return refuse(.invalidTopic, "not a topic name") }
        guard topics[name] == nil else { return refuse(.topicAlreadyExists, "topic \(name) exists") }
        guard count >= 1 else { return refuse(.invalidPartitions, "at least one partition") }
        guard replicas <= 1, replicas != 0 else { return refuse(.invalidReplicationFactor, "the embedded broker is one node: replication factor 1") }
        do throws(InvalidSetting) {
            let configuration = try TopicConfiguration(overrides: overrides)
            guard partitionCount + Int(count) <= BrokerLimits.maxPartitions else {
                return refuse(.policyViolation, "more than \(BrokerLimits.maxPartitions) partitions in all")
            }
            if !onlyValidate, !create(name, partitions: count, configuration: configuration) {
                return refuse(.policyViolation, "too many partitions")
            }
            return TopicResult(name: name, error: .none, message: nil)
        } catch {
            return refuse(.invalidConfig, error.description)
        }
    }

    /// Key 20.
    func handleDeleteTopics(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let names = try reader.array { reader throws(BrokerError) in try reader.string() }
        var directories: [String] = []
        let results = names.map { name in
            if name == OffsetsTopic.name { return TopicResult(name: name, error: .invalidTopic) }
            guard let topic = topics.removeValue(forKey: name) else { return TopicResult(name: name, error: .unknownTopicOrPartition) }
            directories.append(topic.directory)
            var records: [StateRecord] = [.topicDeleted(name: name)]
            for (group, offsets) in stateLog.state.offsets {
                records += offsets.keys.filter { $0.topic == name }.map { .offsetDeleted(group: group, topic: name, partition: $0.partition) }
            }
            pipeline.append(records)
            for partition in topic.partitions {
                pipeline.forget(partition)
                for waiter in partition.waiters.values { finish(waiter) }
                partition.abandon()
            }
            return TopicResult(name: name, error: .none)
        }
        reply(exchange, to: results, throttleSince: 1, messageSince: 5) {
            // Only now: a deletion that the state log does not know must not lose records.
            for directory in directories { Directory.remove(directory) }
        }
    }

    /// Key 37.
    func handleCreatePartitions(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let wanted = try reader.array { reader throws(BrokerError) in
            let name = try reader.string()
            let count = try reader.int32()
            _ = try reader.array { reader throws(BrokerError) in _ = try reader.array { reader throws(BrokerError) in try reader.int32() } }
            return (name, count)
        }
        _ = try reader.int32()
        let onlyValidate = try reader.bool()
        let results = wanted.map { name, count in
            guard let topic = topics[name] else { return TopicResult(name: name, error: .unknownTopicOrPartition) }
            let present = Int32(topic.partitions.count)
            guard count > present else { return TopicResult(name: name, error: .invalidPartitions, message: "topic has \(present) partitions") }
            guard partitionCount + Int(count - present) <= BrokerLimits.maxPartitions else {
                return TopicResult(name: name, error: .policyViolation, message: "more than \(BrokerLimits.maxPartitions) partitions in all")
            }
            if !onlyValidate {
                topic.grow(to: count)
                pipeline.append([.topic(topic.stored)])
            }
            return TopicResult(name: name, error: .none)
        }
        reply(exchange, to: results, throttleSince: 0, messageSince: 0)
    }

    /// Key 21. The records stay on disk until their whole segment goes, but cannot be read any more.
    func handleDeleteRecords(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        var records: [StateRecord] = []
        let results = try reader.array { reader throws(BrokerError) in
            let name = try reader.string()
            let parts = try reader.array { reader throws(BrokerError) in
                let index = try reader.int32()
                let requested = try reader.int64()
                guard let topic = topics[name], let log = topic.partition(index) else { return (index, Int64(-1), ErrorCode.unknownTopicOrPartition) }
                let offset = requested == -1 ? log.highWatermark : requested
                guard offset >= 0, offset <= log.highWatermark else { return (index, -1, .offsetOutOfRange) }
                if offset > log.startOffset {
                    log.startOffset = offset
                    records.append(.logStart(topicID: topic.id, partition: index, offset: offset))
                }
                return (index, log.startOffset, .none)
            }
            return (name, parts)
        }
        let answer = { (storeError: ErrorCode) in
            exchange.reply { writer in
                writer.noThrottle()
                writer.array(results) { writer, topic in
                    writer.string(topic.0)
                    writer.array(topic.1) { writer, part in
                        writer.int32(part.0)
                        writer.int64(part.1)
                        writer.error(part.2 == .none ? storeError : part.2)
                    }
                }
            }
        }
        if records.isEmpty { answer(.none) } else { pipeline.append(records, done: answer) }
    }

    /// Answers with one result per topic, after what was changed is stored.
    private func reply(
        _ exchange: Exchange, to results: [TopicResult], throttleSince: Int16, messageSince: Int16, then: (() -> Void)? = nil
    ) {
        pipeline.append([]) { storeError in
            if storeError == .none { then?() }
            exchange.reply { writer in
                if exchange.version >= throttleSince { writer.noThrottle() }
                writer.array(results) { writer, result in
                    writer.string(result.name)
                    writer.error(result.error == .none ? storeError : result.error)
                    if exchange.version >= messageSince { writer.nullableString(result.message) }
                }
            }
        }
    }
}
