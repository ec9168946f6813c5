import Domain
import KafkaClient
import KafkaTestSupport
import Migrations
import PostgresClient
import Testing

@testable import AuditLog

@Suite struct WriterTests {
    @Test func aRowSaysWhoDidWhatToWhatFromWhere() async throws {
        try await Archive.with { archive in
            try await archive.add([try AuditRecord(Archive.entry(4, new: #"{"all":true}"#))])
            let row = try #require(try await AuditSearch(database: archive.owner).page(AuditFilter(), after: nil, offset: 0, limit: 10).rows.first)
            #expect(row.record == (try AuditRecord(Archive.entry(4, new: #"{"all":true}"#))))
            #expect(row.record.actor == "operator:root" && row.record.action == "dlq.redrive" && row.record.entityID == "job-1")
            #expect(row.record.requestID == "request-4" && row.record.traceID == "0af7651916cd43dd8448eb211c80319c")
            #expect(row.record.tenant == Archive.tenant && row.seq == 1 && row.previousHash == AuditSeal.origin)
        }
    }

    @Test func aBookingsRowsTellWhatWasBefore() async throws {
        try await Archive.with { archive in
            let id = Archive.newBooking()
            let created = Archive.booking(id, version: 1, "reserved", type: "booking.created.v1", offset: 0)
            let begun = Archive.booking(id, version: 2, "reserved", type: "booking.updated.v1", offset: 1, payment: "open")
            let confirmed = Archive.booking(id, version: 3, "confirmed", type: "booking.confirmed.v1", offset: 2, payment: "success")
            // The first two in one batch, the third in another.
            try await archive.add([try AuditRecord(created), try AuditRecord(begun)])
            try await archive.add([try AuditRecord(confirmed)])
            var filter = AuditFilter()
            (filter.entity, filter.entityID) = ("booking", "\(id)")
            let rows = try await AuditSearch(database: archive.owner).page(filter, after: nil, offset: 0, limit: 10).rows
            #expect(rows.map(\.record.action) == ["booking.confirmed", "booking.updated", "booking.created"])
            #expect(rows.map(\.record.actor) == ["worker:payment", "00000000-0000-0000-0000-000000000009", "00000000-0000-0000-0000-000000000009"])
            #expect(rows[2].record.old == nil && rows[1].record.old == rows[2].record.new && rows[0].record.old == rows[1].record.new)
            #expect(rows[0].record.new?.contains(#""status":"confirmed""#) == true)
            // A late one is not said to follow what came after it.
            let other = Archive.newBooking()
            try await archive.add([try AuditRecord(Archive.booking(other, version: 5, "confirmed", type: "booking.confirmed.v1", offset: 3))])
            try await archive.add([try AuditRecord(Archive.booking(other, version: 4, "reserved", type: "booking.updated.v1", offset: 4))])
            let late = try await archive.owner.query("SELECT old_values::text AS old FROM audit_logs WHERE message_id = $1", [.text("\(other)-4")])
            #expect(try late[0].optionalString("old") == nil)
        }
    }

    @Test func aUsedTicketsRowSaysWhoUsedIt() async throws {
        try await Archive.with { archive in
            let id = Archive.newBooking()
            let organizer = "00000000-0000-0000-0000-000000000005"
            let use = #"{"place":1,"at_ms":1790000000020,"mark":"0123456789abcdef"}"#
            let before = try AuditRecord(Archive.booking(id, version: 1, "confirmed", type: "booking.confirmed.v1", offset: 0))
            let used = Archive.booking(
                id, version: 2, "confirmed", type: "booking.updated.v1", offset: 1,
                more: #""actor":"organizer","actor_id":"\#(organizer)","used":[\#(use)],"#)
            let record = try AuditRecord(used)
            #expect(record.actor == organizer && record.new?.contains(#""used":[\#(use)]"#) == true)
            try await archive.add([before, record])
            #expect(try await archive.add([try AuditRecord(used)]) == 0)
            let row = try #require(try await AuditSearch(database: archive.owner).page(AuditFilter(), after: nil, offset: 0, limit: 1).rows.first)
            #expect(row.record.actor == organizer && row.record.new == record.new && row.record.old == before.new)
            #expect(try await archive.verifier.verify().holds)
        }
    }

    @Test func redeliveryChangesNothing() async throws {
        try await Archive.with { archive in
            let records = try Archive.entries(0..<50)
            #expect(try await archive.add(records) == 50)
            let before = try await archive.rows()
            #expect(try await archive.add(records) == 0)
            #expect(try await archive.add(Array(records[10..<20])) == 0)
            // A copy of a message further on, and one twice in a batch.
            var copy = try AuditRecord(Archive.entry(7, offset: 900))
            copy.offset = 900
            #expect(try await archive.add([copy]) == 0)
            let new = try AuditRecord(Archive.entry(60))
            #expect(try await archive.add([new, new]) == 1)
            let after = try await archive.rows()
            #expect(Array(after.prefix(50)) == before && after.count == 51)
            #expect(try await archive.verifier.verify().holds)
        }
    }

    @Test func aRefilledLogHasTheSameHashes() async throws {
        try await Archive.with { first in
            try await Archive.with { second in
                let id = Archive.newBooking()
                let records =
                    try Archive.entries(0..<20) + Archive.entries(20..<40, partition: 2)
                    + (1...5).map { try AuditRecord(Archive.booking(id, version: $0, "reserved", type: "booking.updated.v1", offset: $0)) }
                try await first.add(records)
                for record in records { try await second.add([record]) }
                let (one, other) = (try await first.rows(), try await second.rows())
                #expect(one == other && one.count == 45)
            }
        }
    }

    @Test func copiesThatHaveOnePartitionAtOnceAddToOneChain() async throws {
        try await Archive.with { archive in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for copy in 0..<4 {
                    group.addTask {
                        // Two partitions, each with two copies that bring the same batches.
                        for batch in 0..<10 {
                            let first = copy % 2 * 1_000 + batch * 10
                            try await archive.add(try Archive.entries(first..<first + 10, partition: Int32(copy % 2)))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let report = try await archive.verifier.verify()
            #expect(report.holds && report.rows == 200, "\(report)")
        }
    }

    @Test func whatBreaksOffInATransactionLeavesNothing() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<3))
            struct Crash: Error {}
            let (writer, records) = (archive.writer, try Archive.entries(3..<9))
            await #expect(throws: (any Error).self) {
                try await archive.worker.transaction { connection in
                    try writer.add(records, to: connection)
                    throw Crash()
                }
            }
            #expect(try await archive.count("audit_logs") == 3)
            #expect(try await archive.add(records) == 6)
            #expect(try await archive.verifier.verify().holds)
        }
    }

    @Test(arguments: [
        (#"{"address":"::1","agent":"x","request_id":"r","more":[1]}"#, ["::1", "x", "r"]), (#"{"agent":"x"}"#, [nil, "x", nil]),
        (#"{"address":7}"#, [nil, nil, nil]), ("junk", [nil, nil, nil]),
    ])
    func whereAReserveCameFromIsReadWhereItCanBe(origin: String, expected: [String?]) throws {
        let message = Archive.booking(
            Archive.newBooking(), version: 1, "reserved", type: "booking.created.v1", offset: 0,
            headers: [KafkaHeader(name: RequestOrigin.header, text: origin)])
        let record = try AuditRecord(message)
        #expect([record.address, record.agent, record.requestID] == expected && record.action == "booking.created")
    }

    @Test func textsThatPostgresCannotIndexAreCut() async throws {
        try await Archive.with { archive in
            let long = String(repeating: "x", count: 20_000)
            let entry = AuditEntry(
                id: long, actor: .operator(long), action: long, entity: long, entityID: "a\0b", outcome: .failed,
                origin: RequestOrigin(address: long, requestID: long), at: Timestamp(ms: Archive.now))
            let message = KafkaMessage(topic: "audit.events", partition: 0, offset: 0, key: nil, value: entry.json)
            let added = try await archive.add([try AuditRecord(message)])
            #expect(added == 1)
            #expect(try await archive.count("audit_logs WHERE entity_id = E'a\\uFFFDb'") == 1)
            #expect(try await archive.verifier.verify().holds)
        }
    }

    @Test func aMessageThatIsNoEntryIsRefused() {
        let empty = KafkaMessage(topic: "audit.events", partition: 0, offset: 0, key: nil, value: nil)
        #expect(throws: JSONError.self) { try AuditRecord(empty) }
        let broken = KafkaMessage(topic: "booking.events", partition: 0, offset: 0, key: nil, value: Array("{}".utf8))
        #expect(throws: JSONError.self) { try AuditRecord(broken) }
    }

    @Test func theWorkersRoleCanNeitherChangeNorDelete() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<3))
            let month = "audit_logs_\(Timestamp(ms: Archive.now).description.prefix(7).replacing("-", with: "_"))"
            for statement in [
                "UPDATE audit_logs SET actor = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs", "TRUNCATE \(month)", "DELETE FROM \(month)",
                "DROP TABLE \(month)", "ALTER TABLE audit_logs DISABLE TRIGGER ALL", "DELETE FROM audit_chains",
                "SET session_replication_role = replica",
                "INSERT INTO audit_anchors SELECT 1, 1, 1, '2020-01-01', '', '', ''", "DELETE FROM audit_exports", "SELECT * FROM bookings",
            ] {
                let error = await #expect(throws: PostgresError.self) { _ = try await archive.worker.query(statement) }
                #expect(error?.sqlState == "42501", "\(statement): \(error.map { "\($0)" } ?? "")")
            }
            // The owner is held back from mistakes.
            for statement in ["UPDATE audit_logs SET actor = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs", "TRUNCATE \(month)"] {
                let error = await #expect(throws: PostgresError.self) { _ = try await archive.owner.query(statement) }
                #expect(error?.message.contains("neither changed nor deleted") == true, "\(statement)")
            }
            #expect(try await archive.verifier.verify().holds)
        }
    }

    @Test func monthsAreMadeAheadAndAsTheyCome() async throws {
        try await Archive.with { archive in
            try await AuditMonths(database: archive.worker, logger: .quiet).make()
            let ahead = try await archive.owner.query("SELECT to_char(current_date + interval '2 months', '\"audit_logs_\"YYYY_MM') AS name")[0]
                .string("name")
            #expect(try await archive.count("pg_class WHERE relname = '\(ahead)'") == 1)
            #expect(try await archive.count("pg_class WHERE relname = 'audit_logs_2018_02'") == 0)
            try await archive.add([try AuditRecord(Archive.entry(1, atMs: 1_518_000_000_000))])
            #expect(try await archive.count("audit_logs_2018_02") == 1)
            // Times that nobody lived in make no partitions.
            let error = await #expect(throws: PostgresError.self) {
                try await archive.add([try AuditRecord(Archive.entry(2, atMs: 9_000_000_000_000_000))])
            }
            #expect(error?.disposition == .deadLetter)
        }
    }

    @Test func theMigrationGoesBothWays() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<3))
            let migrator = Migrator(database: archive.owner)
            let steps = Migration.all.filter { $0.number >= 10 }.count
            #expect(try await migrator.down(steps).last?.name == "audit")
            #expect(try await archive.count("pg_class WHERE relname LIKE 'audit%'") == 0)
            #expect(try await migrator.up().first?.name == "audit")
        }
    }
}
