import Domain
import KafkaClient
import KafkaTestSupport
import PostgresClient
import Synchronization
import Testing

@testable import Replays

@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: TestCluster.brokerBinary != nil))
struct RebuildTests {
    private let actor = AuditActor.operator("test")
    private static let counts = "id, capacity, available, held, sold, counts_version"

    @Test func theSameTablesComeOfTheSameTopicRowByRow() async throws {
        try await Bench.with { bench in
            try await bench.fill(500)
            try await bench.project()
            try await bench.database.withConnection { connection in
                try connection.execute(
                    script: """
                        DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN END $$;
                        GRANT SELECT ON bookings TO reader WITH GRANT OPTION; GRANT UPDATE (status) ON bookings TO reader;
                        """)
            }
            let (rows, zones) = (try await bench.rows("bookings"), try await bench.rows("seat_zones", columns: Self.counts))
            let shape = try await bench.shape("bookings")
            #expect(rows.count == 500)
            #expect(shape.contains { $0.contains("WITH GRANT OPTION") } && shape.contains { $0.contains("bookings_of_user") })
            let first = try await bench.desk().run(.rebuild(.bookings), actor: actor)
            let tables = try #require(first.tables)
            #expect(tables.map(\.table) == ["bookings", "seat_zones"])
            #expect(tables.allSatisfy { $0.isEqual && $0.oldHash == $0.newHash })
            #expect(tables[0].newRows == 500)
            #expect(first.read == 1000 && first.taken == 1000 && first.leftOut == 0)
            #expect(try await bench.rows("bookings") == rows)
            #expect(try await bench.rows("seat_zones", columns: Self.counts) == zones)
            #expect(try await bench.shape("bookings") == shape)
            let second = try await bench.desk().run(.rebuild(.bookings), actor: actor)
            #expect(second.tables?.map(\.newHash) == tables.map(\.newHash))
            #expect(try await bench.shape("bookings") == shape)
            // Of the tables that were put aside the last stay until somebody forgets them.
            let schemas = try await bench.database.query("SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'repla%'").map {
                try $0.string("name")
            }
            #expect(schemas == [ShadowSchemas(id: second.id).replaced])
            try await bench.desk().forget(second.id, actor: actor)
            let left = try await bench.database.query("SELECT 1 AS one FROM pg_namespace WHERE nspname LIKE 'repla%'").count
            #expect(left == 0)
        }
    }

    @Test func rowsThatWouldVanishOrChangeNeedConsent() async throws {
        try await Bench.with { bench in
            let ids = try await bench.fill(100)
            try await bench.project()
            let rows = try await bench.rows("bookings")
            let zones = try await bench.rows("seat_zones", columns: Self.counts)
            try await bench.database.withConnection { connection in
                try connection.execute(
                    script: """
                        UPDATE bookings SET status = 'expired', version = 99 WHERE id = '\(ids[0])';
                        INSERT INTO bookings SELECT '01a1fbfe-71c5-743e-8000-000000000000', tenant_id, event_id, show_id, zone_id, user_id, quantity, seat_ids,
                            unit_price_minor, total_minor, currency, status, version, expires_at, idempotency_key, body_hash, created_at, updated_at
                            FROM bookings WHERE id = '\(ids[1])';
                        DELETE FROM bookings WHERE id = '\(ids[2])';
                        UPDATE seat_zones SET held = held + 1 WHERE id = '\(bench.zones[0])';
                        """)
            }
            let spoilt = try await bench.rows("bookings")
            let error = await #expect(throws: ReplayError.self) { try await bench.desk().run(.rebuild(.bookings), actor: actor) }
            #expect(error?.code == .differences)
            let found = try #require(error?.comparisons.first)
            #expect((found.onlyOld, found.onlyNew, found.different) == (1, 1, 1))
            #expect(found.samples.contains(ids[0].description) && found.samples.contains(ids[2].description))
            #expect(error?.comparisons.last?.different == 1)
            #expect(try await bench.rows("bookings") == spoilt)
            let other = await #expect(throws: ReplayError.self) { try await bench.desk().run(.rebuild(.bookings), actor: actor) }
            #expect(other?.code == .busy)
            let id = try #require(try await bench.desk().list().first?.id)
            _ = try await bench.desk().resume(id, actor: actor, acceptDifferences: true)
            #expect(try await bench.rows("bookings") == rows)
            #expect(try await bench.rows("seat_zones", columns: Self.counts) == zones)
        }
    }

    @Test(arguments: [
        "after the tables were made", "after a batch was applied", "after the indexes were made", "after the last records were applied",
        "before the tables are exchanged",
    ])
    func aRebuildThatWasKilledGoesOn(place: String) async throws {
        try await Bench.with { bench in
            try await bench.fill(200)
            try await bench.project()
            let (rows, shape) = (try await bench.rows("bookings"), try await bench.shape("bookings"))
            await #expect(throws: ReplayError.self) {
                try await bench.desk().crashing(at: place).run(.rebuild(.bookings, rate: 2_000), actor: actor)
            }
            #expect(try await bench.rows("bookings") == rows)
            #expect(try await bench.shape("bookings") == shape)
            try await bench.fill(50, countsFrom: 1_000)
            try await bench.project()
            let more = try await bench.rows("bookings")
            try await bench.database.expireLeases()
            let id = try #require(try await bench.desk().list().first?.id)
            let report = try await bench.desk().resume(id, actor: actor)
            #expect(report.tables?.allSatisfy(\.isEqual) == true)
            #expect(more.count == 250)
            #expect(try await bench.rows("bookings") == more)
            #expect(try await bench.shape("bookings") == shape)
        }
    }

    @Test func whatArrivesMeanwhileIsNotLost() async throws {
        try await Bench.with { bench in
            try await bench.fill(2_000)
            try await bench.project()
            let isOver = Mutex(false)
            // New bookings all the time, and a projection that writes them all the time.
            let load = Task {
                var (count, written) = (10_000, 0)
                while !isOver.withLock({ $0 }) {
                    written += try await bench.fill(20, countsFrom: Int64(count)).count
                    try await bench.project()
                    count += 40
                }
                return written
            }
            for _ in 0..<3 {
                let report = try await bench.desk().run(.rebuild(.bookings), actor: actor)
                #expect(report.tables?.allSatisfy(\.keepsAll) == true)
            }
            isOver.withLock { $0 = true }
            let written = try await load.value
            #expect(written > 0)
            try await bench.project()
            let live = try await bench.rows("bookings")
            #expect(live.count == 2_000 + written)
            let report = try await bench.desk().run(.rebuild(.bookings), actor: actor)
            #expect(report.tables?.allSatisfy(\.isEqual) == true)
            #expect(try await bench.rows("bookings") == live)
        }
    }

    @Test func whatIsNoEventIsLeftOut() async throws {
        try await Bench.with { bench in
            try await bench.fill(10)
            let refused: BookingID = Bench.id()
            let spoilt = bench.booking(refused, version: 1, counts: 500).value.map { String(decoding: $0, as: UTF8.self) } ?? ""
            try await bench.send([
                bench.record("booking.events", key: "k", type: "booking.created.v1", "no event"),
                bench.record("booking.events", key: "k", type: "booking.created.v1", spoilt.replacing("\"quantity\":1", with: "\"quantity\":0")),
            ])
            try await bench.project()
            let report = try await bench.desk().run(.rebuild(.bookings), actor: actor)
            #expect(report.leftOut == 2 && report.read == 22)
            #expect(report.tables?.allSatisfy(\.isEqual) == true)
        }
    }

    @Test func aTableThatIsUsedInUnknownWaysIsNotExchanged() async throws {
        try await Bench.with { bench in
            try await bench.fill(10)
            try await bench.project()
            try await bench.database.withConnection { try $0.execute(script: "CREATE VIEW seen AS SELECT id FROM bookings") }
            let error = await #expect(throws: ReplayError.self) { try await bench.desk().run(.rebuild(.bookings), actor: actor) }
            #expect(error?.code == .shape)
            #expect(error?.message.contains("view seen") == true)
        }
    }
}
