import Analytics
import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import PostgresClient
import Projections
import Testing
import Topics

@testable import Replays

@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: TestCluster.brokerBinary != nil))
struct AnalyticsRebuildTests {
    private let actor = AuditActor.operator("test")
    private static let tables = ["events_raw", "analytics_daily", "analytics_realtime"]

    /// Does what the worker does: from where it is to the ends of the topics.
    private func count(_ bench: Bench) async throws {
        let writer = AnalyticsWriter(database: bench.database)
        let done = try await bench.database.withConnection { try writer.offsets.read(on: $0) }
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for topic in AnalyticsTopics.all {
            for (number, kept) in try await bench.admin.offsets(topic: topic.name) {
                let partition = KafkaTopicPartition(topic: topic.name, partition: number)
                if done[partition] ?? 0 < kept.high { ranges[partition] = (done[partition] ?? 0)..<kept.high }
            }
        }
        try await bench.desk().reading(ranges) { messages in
            try await writer.apply(messages.compactMap { try? AnalyticsEvent($0) }, next: messages.next)
        }
    }

    private func fill(_ bench: Bench, _ views: Int) async throws {
        try await bench.fill(50)
        let (tenant, now) = (UUID().uuidString, WallClock.nowMs())
        try await bench.send(
            (0..<views).map { number in
                // Two months and more.
                let at = now - Int64(number % 3) * 40 * 86_400_000
                return bench.record(
                    "analytics.views", key: "\(number)", type: "analytics.viewed.v1",
                    #"{"view_id":"\#(number)","tenant_id":"\#(tenant)","event_id":"\#(tenant)","at_ms":\#(at)}"#)
            })
    }

    private func rows(_ bench: Bench) async throws -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for table in Self.tables {
            rows[table] = try await bench.database.query(
                "SELECT (to_jsonb(t) - 'created_at' - 'updated_at')::text AS row FROM \(table) t ORDER BY 1"
            ).map { try $0.string("row") }
        }
        return rows
    }

    private func shape(_ bench: Bench) async throws -> [String] {
        try await bench.database.withConnection { connection in
            var lines: [String] = []
            for table in Self.tables {
                let shape = try TableShape(table, in: "public", connection)
                lines += shape.columns
                for part in shape.keys + shape.indexes { lines.append("\(part.name) \(part.definition)") }
                lines += shape.partitions
                lines.append(shape.suffix)
            }
            return lines
        }
    }

    private func with(_ body: (Bench) async throws -> Void) async throws {
        try await Bench.with { bench in
            for topic in AnalyticsTopics.all where !Bench.topics.contains(topic.name) {
                try await bench.admin.createTopic(topic.name, partitions: Bench.partitions, configs: TestCluster.keepsAll)
            }
            try await body(bench)
        }
    }

    @Test func theSameTablesComeOfTheSameTopicsAndTheWorkerGoesOn() async throws {
        try await with { bench in
            try await fill(bench, 300)
            try await count(bench)
            let (rows, shape) = (try await rows(bench), try await shape(bench))
            #expect(rows["events_raw"]?.count == 300, "bookings of 2023 are older than is kept")
            let report = try await bench.desk().run(.rebuild(.analytics), actor: actor)
            let tables = try #require(report.tables)
            #expect(tables.map(\.table) == Self.tables)
            let areEqual = tables.allSatisfy(\.isEqual)
            #expect(areEqual, "\(tables)")
            let (after, shapeAfter) = (try await self.rows(bench), try await self.shape(bench))
            #expect(after == rows)
            #expect(shapeAfter == shape)
            let text = shape.joined(separator: "\n")
            #expect(text.contains("PARTITION BY LIST (month)") && text.contains("fillfactor=50"))
            try await fill(bench, 30)
            try await count(bench)
            let raw = try await self.rows(bench)["events_raw"]?.count
            #expect(raw == 330)
            let second = try await bench.desk().run(.rebuild(.analytics), actor: actor)
            let areStillEqual = second.tables?.allSatisfy(\.isEqual)
            #expect(areStillEqual == true)
        }
    }

    @Test func figuresThatAreWrongNeedConsentAndAreMended() async throws {
        try await with { bench in
            try await fill(bench, 100)
            try await count(bench)
            let rows = try await rows(bench)
            try await bench.database.withConnection {
                try $0.execute(
                    script: """
                        UPDATE analytics_daily SET views = views + 5 WHERE day = (SELECT max(day) FROM analytics_daily);
                        DELETE FROM events_raw WHERE id = (SELECT max(id) FROM events_raw);
                        """)
            }
            let refusal = await #expect(throws: ReplayError.self) { _ = try await bench.desk().run(.rebuild(.analytics), actor: actor) }
            #expect(refusal?.code == .differences)
            let open = try #require(try await bench.desk().list().first)
            let report = try await bench.desk().resume(open.id, actor: actor, acceptDifferences: true)
            #expect(report.tables?.first { $0.table == "analytics_daily" }?.different == 1)
            #expect(report.tables?.first { $0.table == "events_raw" }?.onlyNew == 1)
            let after = try await self.rows(bench)
            #expect(after == rows)
        }
    }

    @Test func aWorkerThatIsBehindLosesNothing() async throws {
        try await with { bench in
            try await fill(bench, 100)
            try await count(bench)
            try await fill(bench, 60)
            let report = try await bench.desk().run(.rebuild(.analytics), actor: actor)
            let keepsAll = report.tables?.allSatisfy(\.keepsAll)
            #expect(keepsAll == true)
            let rows = try await rows(bench)
            #expect(rows["events_raw"]?.count == 160)
            // What it reads again it knows already.
            try await count(bench)
            let after = try await self.rows(bench)
            #expect(after == rows)
        }
    }
}
