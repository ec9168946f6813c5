import Domain
import KafkaClient
import PostgresClient
import Topics

/// Sends dead letters to the redrive topic of the group that gave them up, portion by portion: claimed in PostgreSQL, sent, acknowledged, marked.
///
/// A claim notes where the redrive topic ended before anything was sent. Who takes over a claim, of its own job or one whose time is over, looks there
/// first whether the copy is on the topic already.
struct Redrive: Sendable {
    /// Dead letters that are claimed at a time.
    static let portion = 500
    /// For which a claim holds.
    static let lease = Duration.seconds(60)
    /// After which a record is not sent any more.
    static let sendLimit = Duration.seconds(10)

    /// A claimed dead letter.
    private struct Claim: Sendable {
        let letter: DeadLetter
        let partition: Int32
        /// Where its copy would be, at the earliest, if somebody else has sent it.
        let sentSince: Int64?
    }

    /// How one that was sent is marked.
    private struct Sent: Sendable {
        let place: DeadLetterPlace
        let target: DeadLetterPlace
        let editedAs: String?
    }

    let desk: DeadLetterDesk
    let filter: DeadLetterFilter
    let options: RedriveOptions
    let admin: KafkaAdmin
    let producer: KafkaProducer

    /// Redrives what one group gave up. `note` is called with each portion.
    func run(_ group: String, _ note: (_ redriven: Int, _ found: Int, _ failed: [RedriveReport.Fault]) async throws -> Void) async throws {
        guard let topic = Topic.redrives(of: group)?.name else {
            throw DeadLettersError(.invalidRequest, "redrive", "no redrive topic is declared for the group \(group)")
        }
        var cursor: DeadLetterPlace?
        while true {
            try Task.checkCancellation()
            let ends = try await admin.offsets(topic: topic).mapValues(\.high)
            let claimed = ContinuousClock.now
            let claims = try await claim(group, ends, after: cursor)
            guard let last = claims.last else { return }
            cursor = last.letter.place
            try desk.checkpoint("claimed")
            let found = try await alreadySent(claims, topic, ends)
            let (records, faults) = try await copies(claims.filter { found[$0.letter.place] == nil }, topic)
            // Beyond half of its lease nothing is sent: what is under way must end before another may take it over.
            guard ContinuousClock.now - claimed < Self.lease / 2 - Self.sendLimit else {
                throw DeadLettersError(.interrupted, "redrive", "reading took too long")
            }
            let (sent, refused) = try await send(records)
            try desk.checkpoint("sent")
            let marked = try await mark(sent + found.values, releasing: faults + refused)
            try desk.checkpoint("marked")
            try await note(marked, found.count, faults + refused)
        }
    }

    // MARK: Steps

    private func claim(_ group: String, _ ends: [Int32: Int64], after cursor: DeadLetterPlace?) async throws -> [Claim] {
        var filter = filter
        filter.group = group
        filter.status = .open
        var condition = Condition(filter)
        let job = condition.bind(.text(options.jobID))
        condition.and("(claim IS NULL OR claim = \(job) OR claimed_until < now())")
        condition.and("redrives < \(condition.bind(.int(Int64(options.maxRedrives))))::int")
        if let cursor {
            let place = [condition.bind(.text(cursor.topic)), condition.bind(.int(Int64(cursor.partition))), condition.bind(.int(cursor.offset))]
            condition.and("(topic, partition, record_offset) > (\(place[0]), \(place[1])::int, \(place[2])::bigint)")
        }
        let (chosen, jobID, limit) = (condition, options.jobID, options.rate.map { min(Self.portion, max(1, $0)) } ?? Self.portion)
        let partitions = max(1, Int32(clamping: ends.count))
        return try await desk.database.transaction { connection in
            let rows = try connection.query(
                """
                SELECT \(DeadLetter.columns) FROM dead_letters WHERE \(chosen.sql)
                ORDER BY topic, partition, record_offset LIMIT \(limit) FOR UPDATE SKIP LOCKED
                """, chosen.parameters)
            var claims: [Claim] = []
            for row in rows {
                let letter = try DeadLetter(row)
                // As the first delivery: messages of one key stay behind each other.
                let source = letter.source.split(separator: "/").dropLast().last.flatMap { Int32($0) } ?? letter.place.partition
                let partition = try row.optionalInt("redrive_partition").map { Int32(clamping: $0) } ?? abs(source % partitions)
                claims.append(Claim(letter: letter, partition: partition, sentSince: try row.optionalInt64("redrive_from")))
            }
            let places = claims.map(\.letter.place)
            _ = try connection.query(
                """
                UPDATE dead_letters d SET claim = $1, claimed_until = now() + make_interval(secs => $2::int), updated_at = now(),
                    redrive_partition = c.target, redrive_from = coalesce(d.redrive_from, c.start)
                FROM unnest($3::text[], $4::int[], $5::bigint[], $6::int[], $7::bigint[]) AS c (topic, partition, record_offset, target, start)
                WHERE d.topic = c.topic AND d.partition = c.partition AND d.record_offset = c.record_offset
                """,
                [
                    .text(jobID), .int(Self.lease.components.seconds), .textArray(places.map(\.topic)),
                    .intArray(places.map { Int64($0.partition) }), .intArray(places.map(\.offset)), .intArray(claims.map { Int64($0.partition) }),
                    .intArray(claims.map { ends[$0.partition] ?? 0 }),
                ])
            return claims
        }
    }

    /// Of claims that were taken over, those whose copy is on the redrive topic.
    private func alreadySent(_ claims: [Claim], _ topic: String, _ ends: [Int32: Int64]) async throws -> [DeadLetterPlace: Sent] {
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for claim in claims {
            guard let since = claim.sentSince, let end = ends[claim.partition], since < end else { continue }
            let partition = KafkaTopicPartition(topic: topic, partition: claim.partition)
            ranges[partition] = min(since, ranges[partition]?.lowerBound ?? since)..<end
        }
        let wanted = Set(claims.filter { $0.sentSince != nil }.map(\.letter.place))
        var found: [DeadLetterPlace: Sent] = [:]
        try await desk.reader.scan(ranges) { message in
            guard let place = message.headers.text(RedriveHeader.of.rawValue).flatMap({ DeadLetterPlace($0) }), wanted.contains(place) else { return }
            let isEdited = message.headers.contains { $0.name == RedriveHeader.editOf.rawValue }
            found[place] = Sent(
                place: place, target: DeadLetterPlace(topic: message.topic, partition: message.partition, offset: message.offset),
                editedAs: isEdited ? message.headers.text("ce_id") : nil)
        }
        return found
    }

    /// What is to be sent, with where it comes from.
    private func copies(_ claims: [Claim], _ topic: String) async throws -> ([(place: DeadLetterPlace, record: KafkaRecord)], [RedriveReport.Fault]) {
        let messages = try await desk.reader.read(claims.map(\.letter.place))
        var records: [(DeadLetterPlace, KafkaRecord)] = []
        var faults: [RedriveReport.Fault] = []
        for claim in claims {
            let place = claim.letter.place
            guard let message = messages[place] else {
                faults.append(.init(place: place, reason: "the record is no longer on the topic"))
                continue
            }
            do throws(JSONError) {
                let record = try RedriveCopy(message: message, letter: claim.letter, job: options.jobID, edit: options.edit)
                    .record(to: topic, partition: claim.partition)
                records.append((place, record))
            } catch {
                faults.append(.init(place: place, reason: "the value cannot be changed: \(error)"))
            }
        }
        return (records, faults)
    }

    private func send(_ records: [(place: DeadLetterPlace, record: KafkaRecord)]) async throws -> ([Sent], [RedriveReport.Fault]) {
        var sent: [Sent] = []
        var refused: [RedriveReport.Fault] = []
        var lost: KafkaError?
        for ((place, record), result) in zip(records, await producer.send(records.map(\.record))) {
            switch result {
            case .success(let ack):
                let target = DeadLetterPlace(topic: ack.topic, partition: ack.partition, offset: ack.offset)
                sent.append(Sent(place: place, target: target, editedAs: options.edit == nil ? nil : record.headers.text("ce_id")))
            case .failure(let error) where error.disposition == .deadLetter: refused.append(.init(place: place, reason: "\(error.message)"))
            // It may be there or not: its claim stays, and whoever takes that over looks.
            case .failure(let error): lost = error
            }
        }
        if let lost {
            _ = try await mark(sent, releasing: refused)
            throw lost
        }
        return (sent, refused)
    }

    /// - Returns: how many were marked, all that are still this job's.
    private func mark(_ sent: [Sent], releasing faults: [RedriveReport.Fault]) async throws -> Int {
        let (job, actor) = (options.jobID, options.actor.description)
        return try await desk.database.transaction { connection in
            if !faults.isEmpty {
                var condition = Condition(DeadLetterFilter(places: faults.map(\.place)))
                let name = condition.bind(.text(job))
                _ = try connection.query(
                    """
                    UPDATE dead_letters SET claim = NULL, claimed_until = NULL, redrive_partition = NULL, redrive_from = NULL, updated_at = now()
                    WHERE claim = \(name) AND \(condition.sql)
                    """, condition.parameters)
            }
            if sent.isEmpty { return 0 }
            return try connection.query(
                """
                UPDATE dead_letters d SET status = 'redriven', claim = NULL, claimed_until = NULL, redriven_to = c.target, edited_as = c.edited,
                    decided_by = $2, decided_at = now(), updated_at = now()
                FROM unnest($3::text[], $4::int[], $5::bigint[], $6::text[], $7::text[]) AS c (topic, partition, record_offset, target, edited)
                WHERE d.topic = c.topic AND d.partition = c.partition AND d.record_offset = c.record_offset AND d.claim = $1 AND d.status = 'open'
                RETURNING 1
                """,
                [
                    .text(job), .text(actor), .textArray(sent.map(\.place.topic)), .intArray(sent.map { Int64($0.place.partition) }),
                    .intArray(sent.map(\.place.offset)), .textArray(sent.map { $0.target.description }), .textArray(sent.map(\.editedAs)),
                ]
            ).count
        }
    }
}
