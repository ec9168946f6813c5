import Domain
public import KafkaClient

/// A message that follows from a handled one: kept with the inbox row, sent before the source offset is committed, sent again with the same id after
/// a crash in between.
public struct OutgoingMessage: Sendable, Equatable {
    /// The topic's name.
    public let topic: String
    /// The record's key, UTF-8.
    public let key: String
    /// The record's value, UTF-8 as all of ours: JSON.
    public let value: String
    /// Names and texts, in order.
    public let headers: [KafkaHeader]

    /// Takes a record over; key and value must be UTF-8.
    public init(_ record: KafkaRecord) {
        topic = record.topic
        key = String(decoding: record.key ?? [], as: UTF8.self)
        value = String(decoding: record.value ?? [], as: UTF8.self)
        headers = record.headers
    }

    var record: KafkaRecord {
        KafkaRecord(topic: topic, key: Array(key.utf8), value: Array(value.utf8), headers: headers)
    }
}

extension OutgoingMessage {
    /// The messages as the inbox row keeps them.
    static func json(_ messages: [OutgoingMessage]) -> String {
        var writer = JSONWriter()
        writer.array {
            for message in messages {
                $0.object {
                    $0.member("topic", message.topic)
                    $0.member("key", message.key)
                    $0.member("value", message.value)
                    $0.key("headers")
                    // Pairs, since an object would lose their order and names that repeat.
                    $0.array {
                        for header in message.headers {
                            $0.string(header.name)
                            $0.string(header.text)
                        }
                    }
                }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Reads ``json(_:)``.
    static func parse(_ json: String) throws(JSONError) -> [OutgoingMessage] {
        var reader = JSONReader(Array(json.utf8))
        var messages: [OutgoingMessage] = []
        try reader.array { (element) throws(JSONError) in
            var record = KafkaRecord(topic: "")
            try element.object { (key, value) throws(JSONError) in
                switch key {
                case "topic": record.topic = try value.string()
                case "key": record.key = Array(try value.string().utf8)
                case "value": record.value = Array(try value.string().utf8)
                case "headers":
                    var texts: [String] = []
                    try value.array { (text) throws(JSONError) in texts.append(try text.string()) }
                    record.headers = stride(from: 0, to: texts.count - 1, by: 2).map { KafkaHeader(name: texts[$0], text: texts[$0 + 1]) }
                default: try value.skip()
                }
            }
            messages.append(OutgoingMessage(record))
        }
        try reader.end()
        return messages
    }
}
