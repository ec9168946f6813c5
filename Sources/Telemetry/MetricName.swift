public import CoreMetrics

/// Every metric of the product: name, meaning and label names (SPEC.md section 5). Label values are from closed, small sets.
public struct MetricName: Sendable, Hashable {
    /// The Prometheus type.
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// The name as it is scraped.
    public let text: String
    /// The Prometheus type.
    public let kind: Kind
    /// The HELP line.
    public let help: String
    /// Label names, in the order in which ``counter(_:)``, ``gauge(_:)`` and ``timer(_:)`` take their values.
    public let labels: [String]

    init(_ text: String, _ kind: Kind, labels: [String] = [], _ help: String) {
        self.text = text
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}

// MARK: Counters

extension MetricName {
    /// Answers, by method, route pattern (never the raw path) and status code.
    public static let httpRequests = MetricName(
        "http_requests_total", .counter, labels: ["method", "route", "status"], "HTTP requests answered.")
    /// Reserves answered with 202.
    public static let bookingReservations = MetricName("booking_reservations_total", .counter, "Reservations made.")
    /// Reserves refused, by error code.
    public static let bookingReservationFailures = MetricName(
        "booking_reservation_failures_total", .counter, labels: ["code"], "Reservations refused, by error code.")
    /// Wishes to join a waiting room, by what became of them.
    public static let queueJoins = MetricName(
        "queue_joins_total", .counter, labels: ["outcome"], "Wishes to join a waiting room, by what became of them.")
    /// Payments begun, by method.
    public static let paymentsBegun = MetricName("payments_begun_total", .counter, labels: ["method"], "Payments begun, by method.")
    /// Webhooks of the payment gateway, by what became of them.
    public static let paymentWebhooks = MetricName(
        "payment_webhooks_total", .counter, labels: ["outcome"], "Webhooks of the payment gateway, by what became of them.")
    /// Messages finished by a worker; `outcome` is done, retry, dead_letter or skip.
    public static let workerMessages = MetricName(
        "worker_messages_total", .counter, labels: ["worker", "outcome"], "Messages handled, by outcome.")
    /// Notifications that ended: `channel` is email, sms or push, `outcome` sent, failed or skipped.
    public static let notifications = MetricName(
        "notifications_total", .counter, labels: ["channel", "outcome"], "Notifications that ended, by channel and outcome.")
    /// Looks at events' pages, by whether Kafka took them: `outcome` is sent or dropped.
    public static let analyticsViews = MetricName(
        "analytics_views_total", .counter, labels: ["outcome"], "Looks at events' pages, by whether they reached Kafka.")
    /// Entries of the audit that could not be handed to Kafka.
    public static let auditEntriesLost = MetricName("audit_entries_lost_total", .counter, "Entries of the audit that Kafka did not take.")
    /// Messages sent to a dead-letter topic.
    public static let dlqMessages = MetricName("dlq_messages_total", .counter, labels: ["worker"], "Messages sent to a dead-letter topic.")
}

// MARK: Gauges

extension MetricName {
    /// Holds that are neither confirmed nor released.
    public static let activeReservations = MetricName("active_reservations", .gauge, "Reservations that hold seats and are not paid.")
    /// Free seats of a zone.
    public static let zoneAvailable = MetricName("zone_available", .gauge, labels: ["zone"], "Free seats of a zone.")
    /// All seats of a zone.
    public static let zoneCapacity = MetricName("zone_capacity", .gauge, labels: ["zone"], "Seats of a zone.")
    /// Messages not yet committed by a group.
    public static let kafkaConsumerLag = MetricName(
        "kafka_consumer_lag", .gauge, labels: ["group", "topic", "partition"], "Messages behind the end of the partition.")
    /// Age of the oldest message not yet committed.
    public static let kafkaConsumerLagSeconds = MetricName(
        "kafka_consumer_lag_seconds", .gauge, labels: ["group", "topic", "partition"], "Age of the oldest unhandled message.")
    /// How a group fares on a partition: 0 ok, 1 warning, 2 stalled, 3 stopped, 4 rewound, 5 unknown.
    public static let kafkaConsumerStatus = MetricName(
        "kafka_consumer_status", .gauge, labels: ["group", "topic", "partition"],
        "State of a consumer group: 0 ok, 1 warning, 2 stalled, 3 stopped, 4 rewound, 5 unknown.")
    /// Consumers that are members of a group.
    public static let kafkaConsumerMembers = MetricName("kafka_consumer_members", .gauge, labels: ["group"], "Members of the consumer group.")
    /// Records written, over a sliding window.
    public static let kafkaConsumerArrivals = MetricName(
        "kafka_consumer_arrivals_per_second", .gauge, labels: ["group", "topic", "partition"], "Records written a second that the group reads.")
    /// Records committed, over a sliding window.
    public static let kafkaConsumerDepartures = MetricName(
        "kafka_consumer_departures_per_second", .gauge, labels: ["group", "topic", "partition"], "Records the group commits a second.")
    /// Dead letters that nobody has redriven or discarded.
    public static let dlqOpenMessages = MetricName("dlq_open_messages", .gauge, labels: ["group"], "Dead letters not yet dealt with.")
    /// Age of the oldest event that Kafka has not acknowledged.
    public static let outboxOldestAgeSeconds = MetricName("outbox_oldest_age_seconds", .gauge, "Age of the oldest unsent outbox entry.")
    /// Connections to PostgreSQL in use.
    public static let dbConnectionsActive = MetricName("db_connections_active", .gauge, "PostgreSQL connections in use.")
    /// People in the waiting room of an event.
    public static let queueWaiting = MetricName("queue_waiting", .gauge, labels: ["event"], "People in the waiting room.")
    /// `used_memory` of Redis.
    public static let redisMemoryUsedBytes = MetricName("redis_memory_used_bytes", .gauge, "Memory used by Redis.")
    /// `maxmemory` of Redis.
    public static let redisMemoryMaxBytes = MetricName("redis_memory_max_bytes", .gauge, "Memory limit of Redis.")
}

// MARK: Histograms, in seconds; waits and streams are excluded

extension MetricName {
    /// Server time of a request, without long-poll waits and streams.
    public static let httpRequestDuration = MetricName(
        "http_request_duration_seconds", .histogram, labels: ["method", "route"], "Server time of HTTP requests.")
    /// From the submission of a script or command to its reply.
    public static let redisOperationDuration = MetricName(
        "redis_operation_duration_seconds", .histogram, labels: ["operation"], "Time of Redis operations.")
    /// Handling of one message or batch.
    public static let workerHandleDuration = MetricName(
        "worker_handle_duration_seconds", .histogram, labels: ["worker"], "Time to handle a message or batch.")
    /// Writing a notification and handing it to its server.
    public static let notificationSendDuration = MetricName(
        "notification_send_duration_seconds", .histogram, labels: ["channel"], "Time to write a notification and hand it over.")
    /// From the 202 to the row in PostgreSQL.
    public static let endToEndDuration = MetricName("end_to_end_duration_seconds", .histogram, "From the 202 to the projection.")
}

// MARK: Look-up and handles

extension MetricName {
    /// Every name above, by its text.
    public static let all: [String: MetricName] = Dictionary(
        uniqueKeysWithValues: [
            httpRequests, bookingReservations, bookingReservationFailures, queueJoins, paymentsBegun, paymentWebhooks, workerMessages, dlqMessages,
            analyticsViews, notifications, notificationSendDuration,
            activeReservations, zoneAvailable, zoneCapacity, kafkaConsumerLag, kafkaConsumerLagSeconds, kafkaConsumerStatus,
            kafkaConsumerMembers, kafkaConsumerArrivals, kafkaConsumerDepartures, dlqOpenMessages,
            outboxOldestAgeSeconds, dbConnectionsActive, queueWaiting, redisMemoryUsedBytes, redisMemoryMaxBytes,
            httpRequestDuration, redisOperationDuration, workerHandleDuration, endToEndDuration,
        ].map { ($0.text, $0) })

    /// A handle to keep: adding to it is one atomic operation. Values are given in the order of ``labels``; a missing one is empty.
    public func counter(_ values: String..., in registry: PrometheusRegistry = Telemetry.registry) -> Counter {
        Counter(label: text, dimensions: dimensions(values), factory: registry)
    }

    /// A handle to keep: setting it is one atomic operation. `destroy()` removes the series (a zone that is gone).
    public func gauge(_ values: String..., in registry: PrometheusRegistry = Telemetry.registry) -> Meter {
        Meter(label: text, dimensions: dimensions(values), factory: registry)
    }

    /// A handle to keep: recording is three atomic operations. Give it nanoseconds or a `Duration`; it is scraped in seconds.
    public func timer(_ values: String..., in registry: PrometheusRegistry = Telemetry.registry) -> Timer {
        Timer(label: text, dimensions: dimensions(values), factory: registry)
    }

    private func dimensions(_ values: [String]) -> [(String, String)] {
        labels.indices.map { index in (labels[index], index < values.count ? values[index] : "") }
    }
}
