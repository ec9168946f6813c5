import KafkaClient
import Logging
import Telemetry
import Topics

/// Writes what is given up to the group's DLQ and waits for the acknowledgement.
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
}
