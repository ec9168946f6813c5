import KafkaClient
import Logging
import Telemetry
import Topics

/// Writes what a worker hands on, and waits for the acknowledgements.
struct DeadLetterWriter: Sendable {
    let producer: KafkaProducer
    let topic: Topic
    let group: String
    let build: String
    let logger: Logger

    /// Returns once every letter is acknowledged. After a failure some may be there already; written again, they are recognised by their origin.
    /// - Throws: the first ``KafkaError``.
    func bury(_ letters: [DeadLetter]) async throws {
        let results = await producer.send(letters.map { $0.record(topic: topic.name, group: group, build: build) })
        for result in results { _ = try result.get() }
        for letter in letters {
            logger.error(
                "message given up",
                metadata: Logger.Metadata([
                    .kafkaTopic: "\(letter.message.topic)", .kafkaPartition: "\(letter.message.partition)", .kafkaOffset: "\(letter.message.offset)",
                    .attempt: "\(letter.attempts)", .errorClass: "\(letter.failure.label)", .error: "\(letter.failure.message)",
                ]))
        }
    }

    /// Writes a message to a retry topic and waits for the acknowledgement.
    /// - Throws: ``KafkaError``. It may be there all the same; a second copy finds the work done.
    func postpone(_ letter: DeadLetter, to topic: String, dueMs: Int64) async throws {
        var record = letter.record(topic: topic, group: group, build: build)
        record.headers.removeAll { RetryHeader.contains($0.name) }
        record.headers.append(KafkaHeader(name: RetryHeader.dueMs.rawValue, text: "\(dueMs)"))
        record.headers.append(KafkaHeader(name: RetryHeader.sinceMs.rawValue, text: "\(letter.firstFailureMs)"))
        _ = try await producer.send(record)
    }

    /// Sends messages and waits for all acknowledgements.
    /// - Throws: the first ``KafkaError``; some may be sent, and have the same ids when they are sent again.
    func send(_ messages: [OutgoingMessage]) async throws {
        for result in await producer.send(messages.map(\.record)) { _ = try result.get() }
    }
}
