public import Domain
import KafkaClient

extension AuditRow {
    /// A line of an export. The values before and after are texts, not objects, so that they are what was hashed, to the byte.
    public var json: [UInt8] {
        var writer = JSONWriter(reserving: 1024)
        writer.object {
            $0.member("topic", record.source.topic)
            $0.member("partition", Int(record.source.partition))
            $0.member("offset", record.offset)
            $0.member("seq", seq)
            $0.member("at", record.at.description)
            $0.member("at_ms", record.at.ms)
            $0.member("tenant_id", record.tenant)
            $0.member("message_id", record.messageID)
            $0.member("actor", record.actor)
            $0.member("action", record.action)
            $0.member("entity", record.entity)
            $0.member("entity_id", record.entityID)
            $0.member("outcome", record.outcome.rawValue)
            $0.member("old", ifPresent: record.old)
            $0.member("new", ifPresent: record.new)
            $0.member("address", ifPresent: record.address)
            $0.member("agent", ifPresent: record.agent)
            $0.member("request_id", ifPresent: record.requestID)
            $0.member("trace_id", ifPresent: record.traceID)
            $0.member("previous_hash", Hex.text(previousHash))
            $0.member("hash", Hex.text(hash))
        }
        return writer.bytes
    }

    /// Reads a line of an export.
    /// - Throws: ``JSONError`` that names the member.
    public init(json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "partition", "offset", "seq", "at_ms": numbers[key] = try value.int()
            default: texts[key] = try value.string()
            }
        }
        try reader.end()
        func text(_ key: String) throws(JSONError) -> String {
            guard let text = texts[key] else { throw JSONError(path: [key], reason: "is missing") }
            return text
        }
        func number(_ key: String) throws(JSONError) -> Int64 {
            guard let number = numbers[key] else { throw JSONError(path: [key], reason: "is missing") }
            return number
        }
        guard let tenant = TenantID(try text("tenant_id")), let outcome = AuditEntry.Outcome(rawValue: try text("outcome")),
            let partition = Int32(exactly: try number("partition")), let previous = Hex.bytes(try text("previous_hash")),
            let hash = Hex.bytes(try text("hash"))
        else { throw JSONError(path: [], reason: "is no row of the audit") }
        let record = AuditRecord(
            messageID: try text("message_id"), actor: try text("actor"), action: try text("action"), entity: try text("entity"),
            entityID: try text("entity_id"), outcome: outcome, tenant: tenant, old: texts["old"], new: texts["new"], address: texts["address"],
            agent: texts["agent"], requestID: texts["request_id"], traceID: texts["trace_id"], at: Timestamp(ms: try number("at_ms")),
            source: KafkaTopicPartition(topic: try text("topic"), partition: partition), offset: try number("offset"))
        self.init(record: record, seq: try number("seq"), previousHash: previous, hash: hash)
    }
}

/// Bytes as lower-case hexadecimal.
enum Hex {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func bytes(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }
}
