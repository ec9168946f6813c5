public import Domain

/// What a webhook tells, once its signature is known to be right. It says where to look: the payment's state is read from the gateway.
public struct WebhookEvent: Sendable, Equatable {
    /// `evt_…`; the same for every delivery of the event.
    public let id: String
    /// Such as `payment_intent.succeeded` or `refund.updated`.
    public let type: String
    /// `pi_…` or `re_…`: the object that the event is about; empty where it has no id.
    public let objectID: String
    /// `pi_…`: the intent that the event is about, itself or through its refund or charge; nil when it names none.
    public let intentID: String?
    /// The object's metadata.
    public let metadata: [String: String]
    /// When it happened, in Unix seconds.
    public let createdSeconds: Int64

    public init(id: String, type: String, objectID: String, intentID: String?, metadata: [String: String], createdSeconds: Int64) {
        self.id = id
        self.type = type
        self.objectID = objectID
        self.intentID = intentID
        self.metadata = metadata
        self.createdSeconds = createdSeconds
    }

    /// Reads an event object.
    /// - Throws: `JSONError` naming the member that is missing or of another type.
    public init(json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var id: String?
        var type: String?
        var created: Int64 = 0
        var object: (id: String?, intent: String?, metadata: [String: String])?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "id": id = try value.string()
            case "type": type = try value.string()
            case "created": created = try value.int()
            case "data":
                try value.object { (key, value) throws(JSONError) in
                    if key == "object" { object = try Self.object(&value) } else { try value.skip() }
                }
            default: try value.skip()
            }
        }
        try reader.end()
        let found = try GatewayJSON.required(object, "data")
        // Some objects have none, such as a balance.
        let objectID = found.id ?? ""
        self.init(
            id: try GatewayJSON.required(id, "id"), type: try GatewayJSON.required(type, "type"), objectID: objectID,
            intentID: objectID.hasPrefix("pi_") ? objectID : found.intent, metadata: found.metadata, createdSeconds: created)
    }

    private static func object(_ reader: inout JSONReader) throws(JSONError) -> (id: String?, intent: String?, metadata: [String: String]) {
        var id: String?
        var intent: String?
        var metadata: [String: String] = [:]
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "id": id = try value.string()
            case "payment_intent": intent = value.null() ? nil : try value.string()
            case "metadata": metadata = try GatewayJSON.metadata(&value)
            default: try value.skip()
            }
        }
        return (id, intent, metadata)
    }
}
