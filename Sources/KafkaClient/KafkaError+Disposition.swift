internal import CRdkafka

extension KafkaError {
    /// What the caller should do about an error.
    public enum Disposition: String, Sendable {
        /// Try again soon; it may well succeed.
        case retry
        /// It can never succeed with this record.
        case deadLetter
        /// A dependency is away: pause and wait, blame no message.
        case outage
        /// Stop this component; it cannot go on.
        case fatal
    }

    /// What to do about this error. This and the mapping below are the only places that decide it.
    public var disposition: Disposition {
        switch code {
        case .unreachable: .outage  // no broker answers: every record would fail alike
        case .timeout: .outage  // librdkafka retried until its limit, so the broker is away or drowning
        case .queueFull: .outage  // nothing leaves the queue, or slower than it fills
        case .reset: .retry  // the new producer works at once; consumers recognise a second copy by ce_id
        case .notReady: .retry  // leader election and coordinator loading take seconds
        case .unknownTopic: .outage  // topics are declared and applied before anything runs; it is the cluster that is wrong
        case .topicExists: .fatal  // an administrative request that contradicts the cluster
        case .tooLarge: .deadLetter  // the same bytes stay too large
        case .invalidRecord: .deadLetter  // the same bytes stay malformed
        case .invalidConfiguration: .fatal  // needs a person
        case .invalidArgument: .fatal  // a programming error
        case .partitionLost: .retry  // the new owner handles the message again
        case .rebalanced: .retry  // the group settles, then the message comes again
        case .fenced: .fatal  // two of a name; this one has lost its place, and taking it back would only throw the other out
        case .unauthorized: .fatal  // needs a person
        case .corrupt: .outage  // a fault of disk or network, not of the record; reading again may succeed
        case .unsupported: .fatal  // needs another broker
        case .closed: .fatal  // the component is shutting down
        case .cancelled: .fatal  // the task is ending
        case .fatal: .fatal  // librdkafka says so
        case .resources: .outage  // threads or memory may come back
        case .other: .retry  // unknown: bounded attempts, then a person looks at it
        }
    }
}

extension KafkaError.Code {
    /// Maps librdkafka's roughly 200 codes to those that callers tell apart.
    init(_ response: rd_kafka_resp_err_t) {
        self =
            switch response {
            case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
                RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__WAIT_COORD:
                .unreachable
            case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
                RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
                .timeout
            case RD_KAFKA_RESP_ERR__QUEUE_FULL: .queueFull
            case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
                .reset
            case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
                RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
                RD_KAFKA_RESP_ERR__IN_PROGRESS, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
                .notReady
            case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
                .unknownTopic
            case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: .topicExists
            case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: .tooLarge
            case RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, RD_KAFKA_RESP_ERR_INVALID_RECORD: .invalidRecord
            case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
                RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
                .rebalanced
            case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
                .unauthorized
            case RD_KAFKA_RESP_ERR__BAD_MSG, RD_KAFKA_RESP_ERR__BAD_COMPRESSION: .corrupt
            case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED: .unsupported
            case RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__STATE, RD_KAFKA_RESP_ERR__CONFLICT, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS,
                RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, RD_KAFKA_RESP_ERR_INVALID_CONFIG, RD_KAFKA_RESP_ERR_INVALID_REQUEST,
                RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
                .invalidArgument
            case RD_KAFKA_RESP_ERR__DESTROY: .closed
            case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID: .fenced
            case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED: .fatal
            case RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE: .resources
            default: .other
            }
    }
}
