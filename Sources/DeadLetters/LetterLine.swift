import Domain
import KafkaClient

/// A dead letter as a line of NDJSON: the record to the byte, and for people what the index says.
struct LetterLine {
    let record: KafkaRecord

    /// - Parameter letter: told in the line, but not read again.
    static func text(_ message: KafkaMessage, _ letter: DeadLetter) -> String {
        var writer = JSONWriter()
        writer.object {
            $0.member("topic", message.topic)
            $0.member("partition", Int(message.partition))
            $0.member("offset", message.offset)
            if let time = message.timestampMs { $0.member("timestamp_ms", time) }
            bytes(message.key, "key", "key_base64", &$0)
            bytes(message.value, "value", "value_base64", &$0)
            $0.key("headers")
            $0.array {
                for header in message.headers {
                    $0.object {
                        $0.member("name", header.name)
                        bytes(header.value, "value", "value_base64", &$0)
                    }
                }
            }
            $0.member("status", letter.status.rawValue)
            $0.member("error_class", letter.errorClass)
            $0.member("site", letter.site)
            $0.member("last_failed_at", letter.lastFailedAt)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func bytes(_ bytes: [UInt8]?, _ name: StaticString, _ base64: StaticString, _ writer: inout JSONWriter) {
        guard let bytes else { return }
        if let text = String(validating: bytes, as: UTF8.self) { writer.member(name, text) } else { writer.member(base64, Base64.encode(bytes)) }
    }

    /// Reads a line; members that tell of the dead letter are passed over.
    init(_ line: String) throws(JSONError) {
        var reader = JSONReader(Array(line.utf8))
        var record = KafkaRecord(topic: "")
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "topic": record.topic = try value.string()
            case "partition": record.partition = Int32(clamping: try value.int())
            case "timestamp_ms": record.timestampMs = try value.int()
            case "key": record.key = Array(try value.string().utf8)
            case "value": record.value = Array(try value.string().utf8)
            case "key_base64": record.key = try Self.base64(&value)
            case "value_base64": record.value = try Self.base64(&value)
            case "headers": try value.array { (element) throws(JSONError) in record.headers.append(try Self.header(&element)) }
            default: try value.skip()
            }
        }
        try reader.end()
        guard record.topic.hasSuffix(DeadLetterIndex.suffix) else { throw JSONError(path: ["topic"], reason: "must be a DLQ topic") }
        self.record = record
    }

    private static func header(_ reader: inout JSONReader) throws(JSONError) -> KafkaHeader {
        var name: String?
        var bytes: [UInt8]?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "name": name = try value.string()
            case "value": bytes = Array(try value.string().utf8)
            case "value_base64": bytes = try base64(&value)
            default: try value.skip()
            }
        }
        guard let name, let bytes else { throw JSONError(path: ["headers"], reason: "must have a name and a value each") }
        return KafkaHeader(name: name, value: bytes)
    }

    private static func base64(_ reader: inout JSONReader) throws(JSONError) -> [UInt8] {
        guard let bytes = Base64.decode(try reader.string()) else { throw JSONError(path: [], reason: "must be base64") }
        return bytes
    }
}
