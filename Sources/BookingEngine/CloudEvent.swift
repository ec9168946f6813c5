public import Domain
public import KafkaClient
public import Topics

/// A message in CloudEvents 1.0's binary mode for Kafka: attributes in headers, data in the value.
public struct CloudEvent: Sendable {
    public let type: MessageType
    /// Derived from what the message tells, so that a copy is recognised.
    public let id: String
    /// Also the record's key.
    public let subject: String
    public let time: Timestamp
    /// W3C traceparent, or empty.
    public let trace: String
    /// ``RequestOrigin/json``, or empty: for the audit alone, and so not a part of the value, which analytics keeps.
    public let origin: String
    /// JSON.
    public let value: [UInt8]

    public init(type: MessageType, id: String, subject: String, time: Timestamp, trace: String, origin: String = "", value: [UInt8]) {
        self.type = type
        self.id = id
        self.subject = subject
        self.time = time
        self.trace = trace
        self.origin = origin
        self.value = value
    }

    /// The record for the topic on which the type is declared.
    public var record: KafkaRecord {
        var headers = [
            Self.specVersion, Self.source, Self.contentType,
            KafkaHeader(name: "ce_id", value: Array(id.utf8)),
            KafkaHeader(name: "ce_type", value: Array(type.rawValue.utf8)),
            KafkaHeader(name: "ce_time", value: Array(time.description.utf8)),
            KafkaHeader(name: "ce_subject", value: Array(subject.utf8)),
        ]
        if !trace.isEmpty { headers.append(KafkaHeader(name: "traceparent", value: Array(trace.utf8))) }
        if !origin.isEmpty { headers.append(KafkaHeader(name: RequestOrigin.header, value: Array(origin.utf8))) }
        return KafkaRecord(topic: type.topic.name, partition: nil, key: Array(subject.utf8), value: value, headers: headers, timestampMs: nil)
    }

    private static let specVersion = KafkaHeader(name: "ce_specversion", value: Array("1.0".utf8))
    private static let source = KafkaHeader(name: "ce_source", value: Array("/booking-rush".utf8))
    private static let contentType = KafkaHeader(name: "content-type", value: Array("application/json".utf8))
}

extension MessageType {
    /// The topic that carries messages of this type.
    public var topic: Topic {
        switch self {
        case .bookingCreated, .bookingUpdated, .bookingConfirmed, .bookingCancelled, .bookingExpired, .bookingRefunded: .bookingEvents
        case .bookingCancel: .bookingCommands
        case .paymentCharge, .paymentAdvance, .paymentWebhook, .paymentRefund, .paymentDecideRefund, .paymentRefundEvent: .paymentCommands
        case .paymentProcessing, .paymentSuccess, .paymentFailed, .paymentRefunded: .paymentEvents
        case .refundUpdated, .eventCancelled: .refundEvents
        case .queueSetMode: .queueCommands
        case .queueJoined, .queueAdmitted, .queueUsed, .queueLeft, .queueLapsed, .queueSoldOut, .queueEnded, .queueOpened, .queueModeChanged:
            .queueEvents
        case .operationFinished: .operationEvents
        case .analyticsViewed: .analyticsViews
        case .auditRecorded: .auditEvents
        case .opsRedrive, .opsDiscard, .opsImport, .opsReplay: .opsCommands
        }
    }
}
