import KafkaClient
import PostgresClient

/// A dead letter with its record.
public struct DeadLetterDetails: Sendable, Encodable {
    /// Bytes for people: text where they are UTF-8, else base64.
    public struct Bytes: Sendable, Encodable {
        public let text: String?
        public let base64: String?

        init(_ bytes: [UInt8]) {
            text = String(validating: bytes, as: UTF8.self)
            base64 = text == nil ? Base64.encode(bytes) : nil
        }
    }

    public struct Header: Sendable, Encodable {
        public let name: String
        public let value: Bytes
    }

    public let letter: DeadLetter
    /// nil is Kafka's null.
    public let key: Bytes?
    /// nil is Kafka's null.
    public let value: Bytes?
    public let headers: [Header]
    /// The record's time, in ms since 1970.
    public let timestampMs: Int64?
    /// All failures of this message that ended in a DLQ, the earliest first, this one among them.
    public let history: [DeadLetter]
}

extension DeadLetterDesk {
    /// One dead letter with its record, as it stands on the topic, and the history of its failures.
    /// - Throws: `.notFound`.
    public func show(_ place: DeadLetterPlace) async throws(DeadLettersError) -> DeadLetterDetails {
        do {
            let condition = Condition(DeadLetterFilter(places: [place]))
            let found = try await database.query("SELECT \(DeadLetter.columns) FROM dead_letters WHERE \(condition.sql)", condition.parameters)
            guard let letter = try found.first.map({ try DeadLetter($0) }), let message = try await reader.read([place])[place] else {
                throw DeadLettersError(.notFound, "show", "there is no dead letter \(place)")
            }
            let history = try await database.query(
                """
                SELECT \(DeadLetter.columns) FROM dead_letters
                WHERE consumer_group = $1 AND (message_id = $2 OR message_id = $3 OR edited_as = $2)
                ORDER BY last_failed_at, topic, partition, record_offset LIMIT 100
                """, [.text(letter.group), .text(letter.messageID), PostgresValue(letter.editedAs)])
            return DeadLetterDetails(
                letter: letter, key: message.key.map { .init($0) }, value: message.value.map { .init($0) },
                headers: message.headers.map { .init(name: $0.name, value: .init($0.value)) }, timestampMs: message.timestampMs,
                history: try history.map { try DeadLetter($0) })
        } catch {
            throw DeadLettersError(error, "show")
        }
    }
}
