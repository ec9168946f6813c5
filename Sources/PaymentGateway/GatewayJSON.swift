import Domain

/// The gateway's objects, read from their JSON. What is not known is passed over; what is missing or of another type is an error.
enum GatewayJSON {
    static func intent(_ json: [UInt8]) throws(JSONError) -> Intent {
        var reader = JSONReader(json)
        let intent = try self.intent(&reader)
        try reader.end()
        return intent
    }

    static func intent(_ reader: inout JSONReader) throws(JSONError) -> Intent {
        var id: String?
        var status: Intent.Status?
        var amount: Int64?
        var received: Int64?
        var currency: String?
        var metadata: [String: String] = [:]
        var lastError: Intent.PaymentError?
        var object: String?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "object": object = try value.string()
            case "id": id = try value.string()
            case "status":
                let text = try value.string()
                guard let known = Intent.Status(rawValue: text) else { throw JSONError(path: [], reason: "is not a known status") }
                status = known
            case "amount": amount = try value.int()
            case "amount_received": received = value.null() ? nil : try value.int()
            case "currency": currency = try value.string().uppercased()
            case "metadata": metadata = try Self.metadata(&value)
            case "last_payment_error": lastError = value.null() ? nil : try paymentError(&value)
            default: try value.skip()
            }
        }
        guard object == "payment_intent" else { throw JSONError(path: ["object"], reason: "must be payment_intent") }
        let known = try required(status, "status")
        let asked = try required(amount, "amount")
        guard asked >= 0, (received ?? 0) >= 0 else { throw JSONError(path: ["amount"], reason: "must not be negative") }
        return Intent(
            id: try required(id, "id"), status: known, amountMinor: asked,
            // Gateways of Stripe's shape that do not tell it take all or nothing.
            amountReceivedMinor: received ?? (known == .succeeded ? asked : 0), currency: try required(currency, "currency"),
            metadata: metadata, lastError: lastError)
    }

    static func refund(_ json: [UInt8]) throws(JSONError) -> GatewayRefund {
        var reader = JSONReader(json)
        let refund = try self.refund(&reader)
        try reader.end()
        return refund
    }

    /// A page of refunds, and whether there are more.
    static func refunds(_ json: [UInt8]) throws(JSONError) -> (refunds: [GatewayRefund], hasMore: Bool) {
        var reader = JSONReader(json)
        var refunds: [GatewayRefund]?
        var hasMore = false
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "data":
                var page: [GatewayRefund] = []
                try value.array { (element) throws(JSONError) in page.append(try refund(&element)) }
                refunds = page
            case "has_more": hasMore = try value.bool()
            default: try value.skip()
            }
        }
        try reader.end()
        return (try required(refunds, "data"), hasMore)
    }

    private static func refund(_ reader: inout JSONReader) throws(JSONError) -> GatewayRefund {
        var id: String?
        var intent: String?
        var amount: Int64?
        var currency: String?
        var status: GatewayRefund.Status?
        var metadata: [String: String] = [:]
        var object: String?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "object": object = try value.string()
            case "id": id = try value.string()
            case "payment_intent": intent = value.null() ? nil : try value.string()
            case "amount": amount = try value.int()
            case "currency": currency = try value.string().uppercased()
            case "status":
                let text = try value.string()
                guard let known = GatewayRefund.Status(rawValue: text) else { throw JSONError(path: [], reason: "is not a known status") }
                status = known
            case "metadata": metadata = try Self.metadata(&value)
            default: try value.skip()
            }
        }
        guard object == "refund" else { throw JSONError(path: ["object"], reason: "must be refund") }
        return GatewayRefund(
            id: try required(id, "id"), intent: intent ?? "", amountMinor: try required(amount, "amount"),
            currency: try required(currency, "currency"), status: try required(status, "status"), metadata: metadata)
    }

    static func paymentError(_ reader: inout JSONReader) throws(JSONError) -> Intent.PaymentError {
        var code: String?
        var declineCode: String?
        var message: String?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "code": code = value.null() ? nil : try value.string()
            case "decline_code": declineCode = value.null() ? nil : try value.string()
            case "message": message = value.null() ? nil : try value.string()
            default: try value.skip()
            }
        }
        return Intent.PaymentError(code: code ?? "unknown", declineCode: declineCode, message: message ?? "")
    }

    static func metadata(_ reader: inout JSONReader) throws(JSONError) -> [String: String] {
        if reader.null() { return [:] }
        var metadata: [String: String] = [:]
        try reader.object { (key, value) throws(JSONError) in metadata[key] = try value.string() }
        return metadata
    }

    static func required<Value>(_ value: Value?, _ name: String) throws(JSONError) -> Value {
        guard let value else { throw JSONError(path: [name], reason: "is missing") }
        return value
    }
}
