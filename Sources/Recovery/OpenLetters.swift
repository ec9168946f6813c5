import BookingEngine
import Domain
import KafkaClient
import Logging
import PostgresClient
import Topics

/// The bookings' events that the projection gave up on: they lie before its offsets and are in no row.
struct OpenLetters: Sendable {
    /// Bookings asked for at a time.
    private static let batch = 1_000

    let database: PostgresClient
    let admin: KafkaAdmin
    let bootstrapServers: String
    let logger: Logger

    /// The newest of each booking, unless PostgreSQL knows the booking as well or better by now: then it was redriven, or a later event came.
    func states() async throws -> [BookingState] {
        guard let topic = Topic.deadLetters(of: Recovery.projection) else { return [] }
        var tail = TopicTail()
        do {
            let ranges = try await admin.offsets(topic: topic.name).map { (KafkaTopicPartition(topic: topic.name, partition: $0), $1.low..<$1.high) }
            try await tail.read(Dictionary(uniqueKeysWithValues: ranges), bootstrapServers: bootstrapServers, logger: logger)
        } catch let error as KafkaError where error.code == .unknownTopic {
            // Where the topic was never made nothing was given up on.
            return []
        }
        let states = Array(tail.newest.values)
        var open: [BookingState] = []
        for start in stride(from: 0, to: states.count, by: Self.batch) {
            let some = states[start..<min(start + Self.batch, states.count)]
            let reported = try await ReportedBookings(database: database).versions(of: some.map(\.booking.id))
            open += some.filter { reported[$0.booking.id] ?? 0 < $0.booking.version }
        }
        return open
    }
}
