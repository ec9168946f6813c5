import Dispatch
import Foundation
import KafkaTestSupport
import PostgresClient
import Synchronization
import Testing

@testable import AuditLog

/// `rushctl audit verify` while `rushctl audit retain` exports and drops a month.
@Suite struct DroppedMeanwhileTests {
    /// Holds the threads that come to it until it is opened, for a minute at most.
    private final class Gate: Sendable {
        private let turnstile = DispatchSemaphore(value: 0)
        private let reached = Atomic(false)

        /// Whether a thread came.
        var isReached: Bool { reached.load(ordering: .acquiring) }

        func open() { turnstile.signal() }

        /// Blocks: for the threads of connections.
        func hold() {
            reached.store(true, ordering: .releasing)
            if turnstile.wait(timeout: .now() + .seconds(60)) == .success { turnstile.signal() }
        }
    }

    /// Whether, within a limit, somebody waits for a lock.
    private func somebodyWaits(for lock: String, on table: String, _ archive: Archive) async throws -> Bool {
        try await eventually(.seconds(30)) {
            let rows = try await archive.worker.query(
                """
                SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND mode = '\(lock)' AND relation = '\(table)'::regclass
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """)
            return try rows[0].int("n") > 0
        }
    }

    @Test func aMonthThatIsDroppedDuringTheWalkIsNoBreak() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("exports-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await Archive.with { archive in
            // Of the first chain the month is longer than what is read at once; of the second it is what comes first.
            let many = AuditVerifier.batch + 200
            let (old, new) = (many + 10, many + 16)
            try await archive.add(try Archive.entries(0..<many, atMs: Archive.longAgo))
            try await archive.add(try Archive.entries(many..<old, partition: 3, atMs: Archive.longAgo))
            try await archive.add(try Archive.entries(old..<old + 3) + Archive.entries(old + 3..<new, partition: 3))
            let retain = AuditArchive(database: archive.owner, seal: Archive.seal, directory: folder)
            let months = try await retain.due(olderThan: "3 years")
            let month = try #require(months.first)
            #expect(months.count == 1 && month.rows == Int64(old))
            let (walk, drop) = (Gate(), Gate())

            // The drop is to stop when it has the table and nothing of it is written yet.
            async let held: Void = archive.owner.withConnection { connection in
                try connection.execute(script: "BEGIN; LOCK TABLE audit_exports IN SHARE MODE")
                drop.hold()
                try connection.execute(script: "COMMIT")
            }
            let isHeld = await eventually { drop.isReached }
            try #require(isHeld)
            async let report = archive.verifier.verify { _ in walk.hold() }
            let isWalking = await eventually { walk.isReached }
            try #require(isWalking)
            async let export = retain.retain(month)
            // The month does not disappear under the walk of a chain.
            let waitsForTheWalk = try await somebodyWaits(for: "AccessExclusiveLock", on: "audit_logs", archive)
            #expect(waitsForTheWalk)
            walk.open()
            let isDropping = try await somebodyWaits(for: "RowExclusiveLock", on: "audit_exports", archive)
            #expect(isDropping)
            // The walk of the next chain has begun, and must not have looked at anything yet: what it saw would be of before the drop.
            let waitsForTheDrop = try await somebodyWaits(for: "AccessShareLock", on: "audit_logs", archive)
            #expect(waitsForTheDrop)
            drop.open()
            try await held
            let (found, exported) = try await (report, export)

            #expect(found.holds, "\(found.broken)")
            #expect(exported.rows == month.rows)
            // The first chain was walked with the month, the second without it.
            #expect(found.rows == many + 6 && found.exportedRows == 10, "\(found.rows) rows, \(found.exportedRows) exported")
            let after = try await archive.verifier.verify()
            #expect(after.holds && after.rows == 6 && after.exportedRows == Int64(old), "\(after.broken)")
        }
    }
}
