internal import CRdkafka

extension ConsumerLoop {
    /// Leads a partition's messages into our own queue; must come before its assignment.
    func route(_ partition: KafkaTopicPartition) {
        guard let queue = rd_kafka_queue_get_partition(client.pointer, partition.topic, partition.partition) else { return }
        rd_kafka_queue_forward(queue, messages.pointer)
        rd_kafka_queue_destroy(queue)
    }

    /// Follows the group: takes what is assigned at once, gives back what is revoked when the application has finished with it.
    func rebalance(_ event: borrowing Event) {
        let partitions = TopicPartitionList.entries(rd_kafka_event_topic_partition_list(event.pointer)).map(\.partition)
        switch event.response {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS where !isClosing:
            for partition in partitions { route(partition) }
            rd_kafka_assign(client.pointer, rd_kafka_event_topic_partition_list(event.pointer))
            assignment = Set(partitions)
            shared.nextGeneration()
            positions = [:]
            revoke = nil
            shared.isReachable = true
            rebalances.append(.assigned(partitions))
            logger.debug("partitions assigned", metadata: ["kafka.partitions": "\(partitions.count)"])
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS where !isClosing && !assignment.isEmpty:
            shared.nextGeneration()
            let lost = rd_kafka_assignment_lost(client.pointer) != 0
            rebalances.append(.revoked(partitions, lost: lost))
            logger.debug("partitions revoked", metadata: ["kafka.partitions": "\(partitions.count)", "kafka.lost": "\(lost)"])
            // What was read and not delivered goes to the next owner.
            dropUndelivered { _ in true }
            revoke = PendingRevoke(deadline: clock.now + configuration.revokeLimit)
            if lost { finishRevoke() }
        default:
            finishRevoke()
        }
    }

    /// Gives the partitions back, after which the group can go on.
    func finishRevoke() {
        rd_kafka_assign(client.pointer, nil)
        assignment = []
        positions = [:]
        revoke = nil
    }

    /// Leaves the group and ends, within the limit.
    func close(limit: Duration) {
        isClosing = true
        let deadline = clock.now + limit
        // Commits that the application has handed over go first.
        for command in shared.takeCommands() { carryOut(command) }
        serveUntil(deadline) { commits.isEmpty }
        if let error = rd_kafka_consumer_close_queue(client.pointer, control.pointer) {
            logger.debug("consumer cannot be closed in order", metadata: ["kafka.error": "\(KafkaError(consuming: error, operation: "close"))"])
        } else {
            serveUntil(deadline) { rd_kafka_consumer_closed(client.pointer) != 0 }
        }
        let closed = KafkaError(.closed, operation: "consumer", message: "the consumer was closed")
        for commit in commits.values { commit.reply.resume(returning: .failure(closed)) }
        commits = [:]
        shared.finish(closed)
    }

    private func serveUntil(_ deadline: ContinuousClock.Instant, _ isDone: () -> Bool) {
        while !isDone(), clock.now < deadline {
            guard let event = control.poll(milliseconds: 10) else { continue }
            switch event.type {
            case RD_KAFKA_EVENT_REBALANCE: rebalance(event)
            case RD_KAFKA_EVENT_OFFSET_COMMIT: finishCommit(event)
            case RD_KAFKA_EVENT_LOG: event.log(to: logger)
            default: break
            }
        }
    }
}
