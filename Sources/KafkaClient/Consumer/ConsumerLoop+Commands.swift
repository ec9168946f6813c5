internal import CRdkafka

extension ConsumerLoop {
    func carryOut(_ command: ConsumerShared.Command) {
        switch command {
        case .commit(let offsets, let reply): commit(offsets, reply)
        case .assign(let offsets, let replacing, let reply): reply.resume(returning: assign(offsets, replacing: replacing))
        case .seek(let partition, let offset, let reply): reply.resume(returning: seek(partition, offset.number))
        case .pause(let partitions, let isPause, let reply): reply.resume(returning: isPause ? pause(partitions) : resume(partitions))
        case .acknowledgeRevoke: if revoke != nil { finishRevoke() }
        }
    }

    /// Starts a commit; the answer comes as an event.
    private func commit(_ offsets: [KafkaTopicPartition: Int64], _ reply: ConsumerShared.Reply) {
        if offsets.isEmpty { return reply.resume(returning: .success(())) }
        guard let group = configuration.groupID else {
            return reply.resume(returning: .failure(KafkaError(.invalidArgument, operation: "commit", message: "the consumer has no group")))
        }
        if !configuration.topics.isEmpty, let lost = offsets.keys.first(where: { !assignment.contains($0) }) {
            let message = "\(lost) is not assigned to this member of \(group) any more"
            return reply.resume(returning: .failure(KafkaError(.partitionLost, operation: "commit", message: message)))
        }
        lastCommit += 1
        let list = TopicPartitionList(offsets)
        commits[lastCommit] = PendingCommit(reply: reply, deadline: clock.now + configuration.commitTimeout)
        let response = rd_kafka_commit_queue(client.pointer, list.pointer, control.pointer, nil, UnsafeMutableRawPointer(bitPattern: lastCommit))
        if response != RD_KAFKA_RESP_ERR_NO_ERROR {
            commits[lastCommit] = nil
            reply.resume(returning: .failure(KafkaError(response, operation: "commit")))
        }
    }

    /// Answers the commit that an event belongs to.
    func finishCommit(_ event: borrowing Event) {
        let id = UInt(bitPattern: rd_kafka_event_opaque(event.pointer))
        guard let pending = commits.removeValue(forKey: id) else { return }
        var response = event.response
        if response == RD_KAFKA_RESP_ERR_NO_ERROR {
            let entries = TopicPartitionList.entries(rd_kafka_event_topic_partition_list(event.pointer))
            response = entries.first { $0.response != RD_KAFKA_RESP_ERR_NO_ERROR }?.response ?? response
        }
        let error: KafkaError? = response == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(response, operation: "commit")
        pending.reply.resume(returning: error.map { .failure($0) } ?? .success(()))
    }

    /// Sets the partitions by hand, or adds some. Those that stay and are named with an offset are read from there.
    ///
    /// The incremental calls are allowed outside a group and leave other partitions alone, where `rd_kafka_assign` would stop and restart them.
    private func assign(_ offsets: [KafkaTopicPartition: KafkaOffset], replacing: Bool) -> Result<Void, KafkaError> {
        guard configuration.topics.isEmpty else {
            return .failure(KafkaError(.invalidArgument, operation: "assign", message: "the group assigns this consumer's partitions"))
        }
        let removed = replacing ? assignment.filter { offsets[$0] == nil } : []
        if !removed.isEmpty {
            let list = TopicPartitionList(removed)
            if let error = rd_kafka_incremental_unassign(client.pointer, list.pointer) {
                return .failure(KafkaError(consuming: error, operation: "assign"))
            }
            assignment.subtract(removed)
            for partition in removed { positions[partition] = nil }
            dropUndelivered(removed.contains)
        }
        let list = TopicPartitionList(capacity: offsets.count)
        for (partition, offset) in offsets {
            if assignment.contains(partition) {
                if case .failure(let error) = seek(partition, offset.number) { return .failure(error) }
            } else {
                route(partition)
                list.append(partition, offset: offset.number)
            }
        }
        let added = list.entries
        guard !added.isEmpty else { return .success(()) }
        if let error = rd_kafka_incremental_assign(client.pointer, list.pointer) {
            return .failure(KafkaError(consuming: error, operation: "assign"))
        }
        assignment.formUnion(added.map(\.partition))
        for entry in added { positions[entry.partition] = entry.offset }
        return .success(())
    }

    private func seek(_ partition: KafkaTopicPartition, _ offset: Int64) -> Result<Void, KafkaError> {
        guard assignment.contains(partition) else {
            return .failure(KafkaError(.partitionLost, operation: "seek", message: "\(partition) is not assigned"))
        }
        let list = TopicPartitionList([partition: offset])
        // Asynchronous: the time-out of this call is a thousand times too short in 2.0.2 (librdkafka #4230).
        if let error = rd_kafka_seek_partitions(client.pointer, list.pointer, 0) { return .failure(KafkaError(consuming: error, operation: "seek")) }
        positions[partition] = offset
        dropUndelivered { $0 == partition }
        return .success(())
    }

    private func pause(_ partitions: [KafkaTopicPartition]) -> Result<Void, KafkaError> {
        let list = TopicPartitionList(partitions)
        let response = rd_kafka_pause_partitions(client.pointer, list.pointer)
        return response == RD_KAFKA_RESP_ERR_NO_ERROR ? .success(()) : .failure(KafkaError(response, operation: "pause"))
    }

    private func resume(_ partitions: [KafkaTopicPartition]) -> Result<Void, KafkaError> {
        let list = TopicPartitionList(partitions)
        let response = rd_kafka_resume_partitions(client.pointer, list.pointer)
        guard response == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failure(KafkaError(response, operation: "resume")) }
        // Go on exactly where the application stands, whatever librdkafka thinks was consumed before the pause.
        for partition in partitions {
            guard assignment.contains(partition), let position = positions[partition] else { continue }
            let list = TopicPartitionList([partition: position])
            if let error = rd_kafka_seek_partitions(client.pointer, list.pointer, 0) {
                return .failure(KafkaError(consuming: error, operation: "resume"))
            }
        }
        return .success(())
    }
}
