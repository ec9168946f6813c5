import Domain

/// The objects of the API as JSON.
enum StripeJSON {
    /// An answer's status and body.
    static func render(_ answer: Answer, _ books: Books) -> (status: Int, body: [UInt8]) {
        switch answer {
        case .intent(let place, let view): (200, object { intent(&$0, books.intents[place], view) })
        case .refund(let place, let status): (200, object { refund(&$0, books.refunds[place], status, books) })
        case .declined(let place, let view, let decline):
            (402, error(type: "card_error", code: decline.code, decline.declineCode, decline.message, books.intents[place], view))
        case .failure(let status, let type, let code, let message, let about):
            (status, error(type: type, code: code, nil, message, about.map { books.intents[$0.0] }, about?.1))
        }
    }

    /// An event around an object.
    static func event(_ event: BookEvent, _ books: Books) -> [UInt8] {
        object { json in
            json.member("id", event.id)
            json.member("object", "event")
            json.member("type", event.type)
            json.member("created", event.createdMs / 1_000)
            json.member("livemode", false)
            json.key("data")
            json.object { json in
                json.key("object")
                switch event.subject {
                case .intent(let place, let view), .declined(let place, let view, _): json.object { intent(&$0, books.intents[place], view) }
                case .refund(let place, let status): json.object { refund(&$0, books.refunds[place], status, books) }
                case .failure: json.null()
                }
            }
        }
    }

    /// A page of a list.
    static func list(url: String, hasMore: Bool, _ elements: (inout JSONWriter) -> Void) -> [UInt8] {
        object { json in
            json.member("object", "list")
            json.member("url", url)
            json.member("has_more", hasMore)
            json.key("data")
            json.array(elements)
        }
    }

    static func intent(_ json: inout JSONWriter, _ record: IntentRecord, _ view: IntentView) {
        json.member("id", record.id)
        json.member("object", "payment_intent")
        json.member("amount", record.amount)
        json.member("amount_received", view.received)
        json.member("currency", record.currency)
        json.member("status", view.status.rawValue)
        json.member("created", record.createdMs / 1_000)
        json.member("livemode", false)
        json.member("capture_method", "automatic")
        json.member("client_secret", record.id + "_secret_simulator")
        optional(&json, "payment_method", view.token)
        optional(&json, "latest_charge", view.received > 0 ? "ch_" + record.id.dropFirst(3) : nil)
        json.key("payment_method_types")
        json.array { $0.string(record.method) }
        json.key("canceled_at")
        if view.canceledMs == 0 { json.null() } else { json.int(view.canceledMs / 1_000) }
        json.key("last_payment_error")
        if let decline = view.decline {
            json.object { json in
                json.member("type", "card_error")
                json.member("code", decline.code)
                json.member("decline_code", ifPresent: decline.declineCode)
                json.member("message", decline.message)
            }
        } else {
            json.null()
        }
        json.key("metadata")
        json.raw(metadata(record.metadata))
    }

    static func refund(_ json: inout JSONWriter, _ record: RefundRecord, _ status: RefundRecord.Status, _ books: Books) {
        let intent = books.intents[record.intent]
        json.member("id", record.id)
        json.member("object", "refund")
        json.member("amount", record.amount)
        json.member("currency", intent.currency)
        json.member("charge", "ch_" + intent.id.dropFirst(3))
        json.member("payment_intent", intent.id)
        json.member("status", status.rawValue)
        json.member("created", record.createdMs / 1_000)
        json.key("metadata")
        json.raw(metadata(record.metadata))
    }

    static func error(
        type: String, code: String?, _ declineCode: String?, _ message: String, _ record: IntentRecord? = nil, _ view: IntentView? = nil
    ) -> [UInt8] {
        object { json in
            json.key("error")
            json.object { json in
                json.member("type", type)
                json.member("code", ifPresent: code)
                json.member("decline_code", ifPresent: declineCode)
                json.member("message", message)
                if let record, let view {
                    json.key("payment_intent")
                    json.object { intent(&$0, record, view) }
                }
            }
        }
    }

    /// An object of texts, by name.
    static func metadata(_ metadata: [String: String]) -> [UInt8] {
        var bytes = [UInt8(ascii: "{")]
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += text(name) + [UInt8(ascii: ":")] + text(value)
        }
        return bytes + [UInt8(ascii: "}")]
    }

    private static func text(_ text: String) -> [UInt8] {
        var json = JSONWriter(reserving: text.utf8.count + 2)
        json.string(text)
        return json.bytes
    }

    private static func object(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(reserving: 1_024)
        json.object(body)
        return json.bytes
    }

    private static func optional(_ json: inout JSONWriter, _ name: StaticString, _ value: String?) {
        json.key(name)
        if let value { json.string(value) } else { json.null() }
    }
}
