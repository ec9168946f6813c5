import Domain
import KafkaClient
import PostgresClient
import Projections
import Synchronization

/// Makes a projection anew beside the tables in use and lets it take their place.
///
/// The new tables are read up to the end of the topic, then, while nobody writes the old ones, up to where those are: so both tell of the same messages when
/// they are compared, and what comes later finds the new ones.
struct Rebuild: Sendable {
    /// Records that may be left for the stretch during which nobody writes.
    private static let closeEnough: Int64 = 2_000
    /// How long the group that writes the tables in use may take to come as far as the new ones are, so that the comparison is exact.
    private static let patience = Duration.seconds(10)
    /// How long reading the last records may take while nobody writes, how long a lock is waited for, and how often that is tried.
    private static let locked = (limit: Duration.seconds(60), wait: "5s", attempts: 6)
    /// How long one statement over a whole table may take.
    private static let statement = Duration.seconds(1800)

    let desk: ReplayDesk
    let admin: KafkaAdmin
    let projection: ProjectionName
    let work: ReplayStore.Work
    let owner: String
    let progress: @Sendable (ReplayProgress) -> Void

    private var schemas: ShadowSchemas { ShadowSchemas(id: work.id) }
    private var tables: ShadowTables { ShadowTables(projection: projection, schemas: schemas) }
    private var writer: ShadowWriter { ShadowWriter(projection, schema: schemas.made, database: desk.database) }

    func run() async throws -> ReplayReport {
        let meter = SharedMeter(Meter(id: work.id, phase: "reading", total: 0), progress)
        try await onTables { tables, connection in try connection.transaction { try tables.prepare($0) } }
        try desk.checkpoint("after the tables were made")
        var leftOut = try await read(meter)
        meter.enter("indexing")
        try await onTables { tables, connection in try tables.index(connection) }
        try desk.checkpoint("after the indexes were made")
        leftOut += try await read(meter)
        try await waitForWriter()
        meter.enter("comparing")
        let report = try await exchange(leftOut, meter)
        await tidyUp()
        return report
    }

    /// Reads to the topic's end, as it is when little is left.
    private func read(_ meter: SharedMeter) async throws -> Int {
        var leftOut = 0
        while true {
            let ranges = try await ahead(of: nil)
            let left = ranges.values.reduce(0) { $0 + Int64($1.count) }
            meter.plan(left)
            try await desk.store.lengthen(work.id, ranges)
            leftOut += try await apply(ranges, meter)
            if left < Self.closeEnough { return leftOut }
        }
    }

    /// What the new tables lack up to some offsets, or to the topic's end.
    private func ahead(of ends: [KafkaTopicPartition: Int64]?) async throws -> [KafkaTopicPartition: Range<Int64>] {
        let offsets = writer.offsets
        let done = try await desk.database.withConnection { try offsets.read(on: $0) }
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for topic in projection.topics {
            for (number, kept) in try await admin.offsets(topic: topic.name) {
                let partition = KafkaTopicPartition(topic: topic.name, partition: number)
                let begin = max(done[partition] ?? kept.low, kept.low)
                let end = min(ends.map { $0[partition] ?? 0 } ?? kept.high, kept.high)
                if begin < end { ranges[partition] = begin..<end }
            }
        }
        return ranges
    }

    private func apply(_ ranges: [KafkaTopicPartition: Range<Int64>], _ meter: SharedMeter) async throws -> Int {
        if ranges.isEmpty { return 0 }
        var pace = Pace(rate: work.request.rate)
        var leftOut = 0
        try await desk.reading(ranges) { messages in
            let portion = pace.portion(atMost: messages.count)
            for begin in stride(from: 0, to: messages.count, by: portion) {
                let part = Array(messages[begin..<min(begin + portion, messages.count)])
                let refused = try await writer.apply(part)
                leftOut += refused
                var taken: [KafkaTopicPartition: Int64] = [:]
                for message in part { taken[message.topicPartition, default: 0] += 1 }
                try desk.checkpoint("after a batch was applied")
                try await desk.store.progress(work.id, owner: owner, next: part.next, taken: taken)
                meter.add(read: Int64(part.count), taken: Int64(part.count - refused))
                try await pace.pass(part.count)
            }
        }
        return leftOut
    }

    /// Waits until the tables in use are as far as the new ones, for a while, where anybody writes them.
    private func waitForWriter() async throws {
        guard let group = projection.writer, try await admin.group(group)?.members ?? 0 > 0 else { return }
        let (made, used) = (writer.offsets, ProjectionOffsets(group: group))
        let limit = ContinuousClock.now + Self.patience
        while ContinuousClock.now < limit {
            let isBehind = try await desk.database.withConnection { connection in
                let used = try used.read(on: connection)
                return try made.read(on: connection).contains { $0.value > used[$0.key] ?? 0 }
            }
            if !isBehind { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Compares and exchanges in one transaction, during which nobody writes.
    private func exchange(_ leftOut: Int, _ meter: SharedMeter) async throws -> ReplayReport {
        var attempt = 1
        while true {
            do {
                return try await desk.database.transaction { connection in try exchange(connection, leftOut, meter) }
            } catch {
                guard error.sqlState == "55P03", attempt < Self.locked.attempts else { throw error }
                attempt += 1
            }
        }
    }

    private func exchange(_ connection: PostgresConnection, _ leftOut: Int, _ meter: SharedMeter) throws -> ReplayReport {
        try connection.setStatementTimeout(Self.statement)
        // Whoever reads goes on; whoever writes waits.
        try connection.execute(
            script: "SET LOCAL lock_timeout = '\(Self.locked.wait)'; LOCK TABLE \(tables.used) IN SHARE ROW EXCLUSIVE MODE")
        let used = try projection.writer.map { try ProjectionOffsets(group: $0).read(on: connection) }
        let late = try Blocking.wait(limit: Self.locked.limit) { [self] in
            let ranges = try await ahead(of: used)
            try await desk.store.lengthen(work.id, ranges)
            return try await apply(ranges, meter)
        }
        try desk.checkpoint("after the last records were applied")
        let comparisons = try tables.compare(connection, carried: try tables.carry(connection))
        if !work.request.acceptDifferences, !comparisons.allSatisfy(\.keepsAll) {
            throw ReplayError(
                .differences, "compare", "rows of the tables in use would vanish or change; agree to that, or forget this rebuild",
                comparisons: comparisons)
        }
        meter.enter("swapping")
        try tables.swap(connection)
        try tables.follow(connection)
        let offsets = try writer.offsets.read(on: connection)
        if let group = projection.writer { try ProjectionOffsets(group: group).note(offsets, on: connection) }
        try desk.checkpoint("before the tables are exchanged")
        let state = meter.state
        let report = ReplayReport(
            id: work.id, kind: "rebuild", target: projection.rawValue, topic: projection.topic.name, read: state.read, taken: state.taken,
            leftOut: Int64(leftOut + late), seconds: state.seconds, tables: comparisons)
        try desk.store.succeed(report, owner: owner, on: connection)
        return report
    }

    /// Drops what nobody needs any more; what is left behind goes with the next rebuild.
    private func tidyUp() async {
        try? await desk.database.withConnection { [projection, schemas] connection in
            try connection.execute(script: "ANALYZE \(ShadowTables(projection: projection, schemas: schemas).used)")
            try connection.execute(script: "DROP SCHEMA IF EXISTS \(schemas.made) CASCADE")
        }
        for id in (try? await desk.store.earlierRebuilds(of: projection, than: work.id)) ?? [] {
            try? await desk.database.withConnection { connection in try connection.execute(script: ShadowSchemas(id: id).drop) }
        }
    }

    private func onTables(_ body: @escaping @Sendable (ShadowTables, PostgresConnection) throws -> Void) async throws {
        try await desk.database.withConnection { [tables] connection in
            try connection.setStatementTimeout(Self.statement)
            try body(tables, connection)
        }
    }
}

/// A meter that a rebuild's steps share, on whatever thread they run.
final class SharedMeter: Sendable {
    private let meter: Mutex<Meter>
    private let progress: @Sendable (ReplayProgress) -> Void

    init(_ meter: Meter, _ progress: @escaping @Sendable (ReplayProgress) -> Void) {
        self.meter = Mutex(meter)
        self.progress = progress
    }

    /// Says that so many more records are to be read.
    func plan(_ records: Int64) {
        progress(
            meter.withLock { meter in
                meter.phase = "reading"
                meter.total = meter.read + records
                return meter.state
            })
    }

    func add(read: Int64, taken: Int64) {
        if let state = meter.withLock({ $0.add(read: read, taken: taken) }) { progress(state) }
    }

    func enter(_ phase: String) {
        progress(
            meter.withLock { meter in
                meter.phase = phase
                return meter.state
            })
    }

    var state: (read: Int64, taken: Int64, seconds: Double) { meter.withLock { ($0.read, $0.taken, $0.seconds) } }
}
