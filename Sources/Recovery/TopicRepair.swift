import BookingEngine
import Domain
public import KafkaClient
public import Logging
public import PostgresClient
public import RedisClient
import Topics

/// What a repair of booking.events found and did.
public struct TopicRepairReport: Codable, Sendable {
    public var topic = Topic.bookingEvents.name
    /// Bookings that the topic tells of.
    public var onTopic = 0
    /// Bookings whose newest state PostgreSQL or Redis has and the topic lacks, by the type of the event that tells it.
    public var missing: [String: Int] = [:]
    /// Of those, the ones that the topic does not know at all.
    public var unknown = 0
    /// Events that were written.
    public var emitted = 0
    /// Partitions on which projections stood beyond the end, which is of a topic that was made anew.
    public var rewound = 0
    public var seconds = 0.0
    public var total: Int { missing.values.reduce(0, +) }
}

/// Tells booking.events anew what of it was lost: the newest state of each booking that PostgreSQL or Redis has and the topic has not, with the id and the
/// version that it had. Whoever has applied it passes over it; whoever has lost it has it back.
///
/// It looks for what is missing each time, so it goes on after a kill and does nothing the second time.
public struct TopicRepair: Sendable {
    /// Events produced at a time.
    private static let batch = 2_000

    private let redis: RedisClient
    private let database: PostgresClient
    private let admin: KafkaAdmin
    private let bootstrapServers: String
    private let logger: Logger

    public init(redis: RedisClient, database: PostgresClient, admin: KafkaAdmin, bootstrapServers: String, logger: Logger) {
        self.redis = redis
        self.database = database
        self.admin = admin
        self.bootstrapServers = bootstrapServers
        self.logger = logger
    }

    /// Looks for what is missing.
    /// - Parameters:
    ///   - send: writes records and returns once Kafka has them; nil when nothing is to be written.
    ///   - progress: told each step in a few words.
    public func run(
        send: (@Sendable ([KafkaRecord]) async throws -> Void)?, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> TopicRepairReport {
        let clock = ContinuousClock.now
        var report = TopicRepairReport()
        let ends = try await offsets()
        progress("reading \(ends.values.reduce(0) { $0 + $1.high - $1.low }) events")
        var tail = TopicTail()
        try await read(ends.mapValues { $0.low..<$0.high }, into: &tail)
        progress("reading PostgreSQL and Redis")
        var missing = try await missing(tail)
        // What came while the stores were read is not missing.
        let now = try await offsets()
        let since = now.reduce(into: [Int32: Range<Int64>]()) { since, partition in
            let kept = partition.value
            since[partition.key] = min(max(ends[partition.key]?.high ?? 0, kept.low), kept.high)..<kept.high
        }
        try await read(since, into: &tail)
        missing = missing.filter { !tail.newer(than: $1) }
        report.onTopic = tail.newest.count
        report.unknown = missing.keys.count { tail.newest[$0] == nil }
        let events = try await withZones(Array(missing.values))
        for event in events { report.missing[event.type.rawValue, default: 0] += 1 }
        if let send {
            report.rewound = try await rewindProjections(now)
            for start in stride(from: 0, to: events.count, by: Self.batch) {
                let some = events[start..<min(start + Self.batch, events.count)]
                try await send(some.map(\.record))
                report.emitted += some.count
                progress("\(report.emitted) of \(events.count) events written")
            }
        }
        report.seconds = (ContinuousClock.now - clock) / .seconds(1)
        return report
    }

    /// None where the topic is gone.
    private func offsets() async throws -> [Int32: KafkaOffsetRange] {
        do {
            return try await admin.offsets(topic: Topic.bookingEvents.name)
        } catch let error where error.code == .unknownTopic {
            return [:]
        }
    }

    private func read(_ ranges: [Int32: Range<Int64>], into tail: inout TopicTail) async throws {
        let partitions = ranges.map { (KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: $0.key), $0.value) }
        try await tail.read(Dictionary(uniqueKeysWithValues: partitions), bootstrapServers: bootstrapServers, logger: logger)
    }

    private func missing(_ tail: TopicTail) async throws -> [BookingID: Booking] {
        var missing: [BookingID: Booking] = [:]
        func compare(_ bookings: [Booking]) {
            for booking in bookings where !tail.newer(than: booking) {
                if let known = missing[booking.id], known.version >= booking.version { continue }
                missing[booking.id] = booking
            }
        }
        let reported = ReportedBookings(database: database)
        var last: String? = "00000000-0000-0000-0000-000000000000"
        while let from = last {
            let page = try await reported.page(after: from, all: true)
            compare(page.bookings)
            last = page.last
        }
        try await RedisBookings(redis: redis).forEach(compare)
        return missing
    }

    /// Each booking with the counts of its zone as they are now, in Redis or, of a show that is over, in PostgreSQL.
    private func withZones(_ bookings: [Booking]) async throws -> [BookingEvent] {
        let zones = Dictionary(bookings.map { ($0.zone, Shard(of: $0.event)) }) { first, _ in first }.map { ($0.key, $0.value) }
        var counts: [ZoneID: ZoneCounts] = [:]
        for row in try await database.query(
            "SELECT id, capacity, available, held, sold, counts_version FROM seat_zones WHERE id = ANY($1::uuid[])",
            [.textArray(zones.map(\.0.description))])
        {
            guard let zone = ZoneID(try row.string("id")) else { continue }
            counts[zone] = ZoneCounts(
                capacity: try row.int64("capacity"), available: try row.int64("available"), held: try row.int64("held"),
                sold: try row.int64("sold"), version: try row.int64("counts_version"))
        }
        for ((zone, _), known) in zip(zones, try await BookingEngine(redis: redis).zoneCounts(zones)) {
            if let known { counts[zone] = known }
        }
        return bookings.sorted { $0.id.bits < $1.id.bits }.map {
            BookingEvent(booking: $0, zone: counts[$0.zone] ?? ZoneCounts(capacity: 0, available: 0, held: 0, sold: 0, version: 0))
        }
    }

    /// A recovery reads on from where the projection is; beyond the end that would be past what is written now.
    private func rewindProjections(_ ends: [Int32: KafkaOffsetRange]) async throws -> Int {
        try await database.query(
            """
            UPDATE projection_offsets AS o SET next_offset = e.low, updated_at = now()
            FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS e (partition_id, low, high)
            WHERE o.topic = $1 AND o.partition_id = e.partition_id AND o.next_offset > e.high RETURNING 1 AS one
            """,
            [
                .text(Topic.bookingEvents.name), .intArray(ends.keys.map { Int64($0) }), .intArray(ends.values.map(\.low)),
                .intArray(ends.values.map(\.high)),
            ]
        ).count
    }
}
