internal import CRdkafka

/// One setting of a topic.
public struct KafkaTopicConfig: Sendable, Hashable {
    /// The setting's name ("retention.ms").
    public let name: String
    /// Its value now; nil where the broker hides it.
    public let value: String?
    /// Whether it was set for this topic, not taken from the broker's defaults.
    public let isOverridden: Bool

    /// Makes one by hand, as tests do.
    public init(name: String, value: String?, isOverridden: Bool) {
        self.name = name
        self.value = value
        self.isOverridden = isOverridden
    }
}

extension KafkaAdmin {
    /// Every topic with its partitions, sorted by name.
    public func topics() async throws(KafkaError) -> [KafkaTopicMetadata] {
        try await ask("list topics") { (client, limit) throws(KafkaError) in try client.metadata(limit: limit).topics }
    }

    /// How many brokers the cluster has.
    public func brokerCount() async throws(KafkaError) -> Int {
        try await ask("count brokers") { (client, limit) throws(KafkaError) in try client.metadata(limit: limit).brokers }
    }

    /// A topic's settings, sorted by name.
    /// - Throws: `.unknownTopic`.
    public func configs(topic: String) async throws(KafkaError) -> [KafkaTopicConfig] {
        try await ask("describe topic") { (client, limit) throws(KafkaError) in try client.configs(topic: topic, limit: limit) }
    }

    /// Makes a topic. `replicationFactor` -1 takes the broker's default.
    /// - Throws: `.topicExists`, `.invalidArgument` for figures the cluster cannot serve.
    public func createTopic(
        _ topic: String, partitions: Int, replicationFactor: Int = -1, configs: [String: String] = [:]
    ) async throws(KafkaError) {
        try await ask("create topic") { (client, limit) throws(KafkaError) in
            var text = [CChar](repeating: 0, count: ClientHandle.errorTextBytes)
            var new = rd_kafka_NewTopic_new(topic, Int32(clamping: partitions), Int32(clamping: replicationFactor), &text, text.count)
            guard new != nil else { throw KafkaError(.invalidArgument, operation: "create topic", message: text.terminated) }
            defer { rd_kafka_NewTopic_destroy(new) }
            for (name, value) in configs.sorted(by: { $0.key < $1.key }) { rd_kafka_NewTopic_set_config(new, name, value) }
            let event = try client.perform("create topic", RD_KAFKA_ADMIN_OP_CREATETOPICS, limit: limit) { options, queue in
                rd_kafka_CreateTopics(client.pointer, &new, 1, options, queue)
            }
            var count = 0
            let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.pointer), &count)
            try checkTopicResults(results, count, operation: "create topic")
        }
    }

    /// Raises a topic's number of partitions to `total`. Keys move to other partitions by that.
    /// - Throws: `.invalidArgument` where that is not more than now, `.unknownTopic`.
    public func createPartitions(topic: String, total: Int) async throws(KafkaError) {
        try await ask("create partitions") { (client, limit) throws(KafkaError) in
            var text = [CChar](repeating: 0, count: ClientHandle.errorTextBytes)
            var new = rd_kafka_NewPartitions_new(topic, total, &text, text.count)
            guard new != nil else { throw KafkaError(.invalidArgument, operation: "create partitions", message: text.terminated) }
            defer { rd_kafka_NewPartitions_destroy(new) }
            let event = try client.perform("create partitions", RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, limit: limit) { options, queue in
                rd_kafka_CreatePartitions(client.pointer, &new, 1, options, queue)
            }
            var count = 0
            let results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event.pointer), &count)
            try checkTopicResults(results, count, operation: "create partitions")
        }
    }

    /// Sets some of a topic's settings and keeps its other overrides.
    ///
    /// librdkafka 2.0.2 knows only the request that replaces all of them, so the present ones are read first; two administrators at once may undo
    /// each other.
    public func alterConfigs(topic: String, _ changes: [String: String]) async throws(KafkaError) {
        try await ask("alter topic") { (client, limit) throws(KafkaError) in
            var values = changes
            for config in try client.configs(topic: topic, limit: limit) where config.isOverridden && values[config.name] == nil {
                values[config.name] = config.value
            }
            var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
            defer { rd_kafka_ConfigResource_destroy(resource) }
            for (name, value) in values.sorted(by: { $0.key < $1.key }) { rd_kafka_ConfigResource_set_config(resource, name, value) }
            let event = try client.perform("alter topic", RD_KAFKA_ADMIN_OP_ALTERCONFIGS, limit: limit) { options, queue in
                rd_kafka_AlterConfigs(client.pointer, &resource, 1, options, queue)
            }
            var count = 0
            let results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event.pointer), &count)
            try checkResources(results, count, operation: "alter topic")
        }
    }

    /// Deletes a topic with its records.
    /// - Throws: `.unknownTopic`.
    public func deleteTopic(_ topic: String) async throws(KafkaError) {
        try await ask("delete topic") { (client, limit) throws(KafkaError) in
            var delete = rd_kafka_DeleteTopic_new(topic)
            defer { rd_kafka_DeleteTopic_destroy(delete) }
            let event = try client.perform("delete topic", RD_KAFKA_ADMIN_OP_DELETETOPICS, limit: limit) { options, queue in
                rd_kafka_DeleteTopics(client.pointer, &delete, 1, options, queue)
            }
            var count = 0
            let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.pointer), &count)
            try checkTopicResults(results, count, operation: "delete topic")
        }
    }
}

extension ClientHandle {
    /// A topic's settings, sorted by name.
    fileprivate func configs(topic: String, limit: Duration) throws(KafkaError) -> [KafkaTopicConfig] {
        var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
        defer { rd_kafka_ConfigResource_destroy(resource) }
        let event = try perform("describe topic", RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, limit: limit) { options, queue in
            rd_kafka_DescribeConfigs(pointer, &resource, 1, options, queue)
        }
        var count = 0
        let resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.pointer), &count)
        try checkResources(resources, count, operation: "describe topic")
        guard count > 0, let found = resources?[0] else { return [] }
        var entryCount = 0
        let entries = rd_kafka_ConfigResource_configs(found, &entryCount)
        var configs: [KafkaTopicConfig] = []
        for index in 0..<entryCount {
            guard let entry = entries?[index], let name = rd_kafka_ConfigEntry_name(entry) else { continue }
            let source = rd_kafka_ConfigEntry_source(entry)
            configs.append(
                KafkaTopicConfig(
                    name: String(cString: name), value: rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) },
                    isOverridden: source == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG))
        }
        return configs.sorted { $0.name < $1.name }
    }
}

/// Throws the first error among per-resource results.
private func checkResources(_ resources: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, operation: String) throws(KafkaError) {
    for index in 0..<count {
        guard let resource = resources?[index] else { continue }
        let response = rd_kafka_ConfigResource_error(resource)
        if response != RD_KAFKA_RESP_ERR_NO_ERROR {
            throw KafkaError(response, operation: operation, detail: rd_kafka_ConfigResource_error_string(resource).map { String(cString: $0) })
        }
    }
}
