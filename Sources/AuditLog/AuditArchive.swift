import Crypto
import Domain
import Foundation
import KafkaClient
public import PostgresClient

/// Exports whole months of the audit as gzip NDJSON, and drops them once the export has been read back.
///
/// Safe to kill at any moment and to begin again: a file has its name only when it is whole, a month is dropped in one transaction with its anchors, and a
/// file that is there already is read back and compared like a new one.
public struct AuditArchive: Sendable {
    /// A month of `audit_logs`.
    public struct Month: Sendable, Encodable, Equatable {
        /// The first day, `2023-11-01`.
        public let first: String
        public let rows: Int64
        /// The partition.
        public let table: String
        /// The export's name.
        public var file: String { "\(table).ndjson.gz" }
    }

    /// What became of a month.
    public struct Export: Sendable, Encodable {
        public let month: String
        public let rows: Int64
        public let file: String
        /// Of the NDJSON, hexadecimal; `zcat FILE | sha256sum` gives the same.
        public let sha256: String
        /// Whether an earlier, interrupted run had written the file.
        public let wasThere: Bool
    }

    /// How long it waits for the lock under which a month is dropped; readers and writers wait with it.
    private static let lockLimit = "5s"

    private let database: PostgresClient
    private let seal: AuditSeal
    private let directory: String
    /// Called between the steps of a month, for tests that stop there.
    let step: @Sendable (String) throws -> Void

    /// - Parameter directory: where the exports are put; made when absent.
    public init(database: PostgresClient, seal: AuditSeal, directory: String) {
        self.init(database: database, seal: seal, directory: directory) { _ in }
    }

    init(database: PostgresClient, seal: AuditSeal, directory: String, step: @escaping @Sendable (String) throws -> Void) {
        self.database = database
        self.seal = seal
        self.directory = directory
        self.step = step
    }

    /// The months all of whose rows are older, the oldest first.
    /// - Parameter age: as PostgreSQL's intervals, `3 years`.
    public func due(olderThan age: String) async throws(PostgresError) -> [Month] {
        let tables = try await database.query(
            """
            SELECT t.name, t.first::text AS first FROM (
                SELECT c.relname::text AS name, to_date(substring(c.relname FROM 12), 'YYYY_MM') AS first
                FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'audit_logs'::regclass) AS t
            WHERE t.first + interval '1 month' <= now() - $1::interval ORDER BY t.first
            """, [.text(age)])
        var months: [Month] = []
        for row in tables {
            let table = try row.string("name")
            let rows = try await database.query("SELECT count(*) AS rows FROM \(table)")[0].int64("rows")
            months.append(Month(first: try row.string("first"), rows: rows, table: table))
        }
        return months
    }

    /// Exports a month, reads the export back, and drops the month.
    /// - Throws: ``AuditError`` `.broken` where a row of it does not hold; nothing is dropped then.
    public func retain(_ month: Month) async throws -> Export {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw AuditError(.file, "make \(directory)", "it cannot be made", underlying: error)
        }
        let path = "\(directory)/\(month.file)"
        let wasThere = FileManager.default.fileExists(atPath: path)
        var kept = wasThere ? try await digest(month) : try await export(month, to: path)
        try step("exported")
        var read = wasThere ? try? readBack(path) : try readBack(path)
        if wasThere, read != kept {
            // From a run that was interrupted before rows came that are there now; or not ours at all, and then it stays beside.
            try? FileManager.default.moveItem(atPath: path, toPath: "\(path).\(UUID().uuidString.prefix(8)).old")
            kept = try await export(month, to: path)
            read = try readBack(path)
        }
        guard read == kept else { throw AuditError(.exportDiffers, "export \(month.first)", "\(path) does not hold what the table holds") }
        // The file may be of a run that ended before it was synced.
        try GzipFile.sync(path)
        try GzipFile.sync(directory)
        try step("verified")
        try await drop(month, kept)
        try step("dropped")
        return Export(month: month.first, rows: kept.rows, file: path, sha256: Hex.text(kept.sha256), wasThere: wasThere)
    }

    /// What a month holds, however it was read.
    private struct Content: Equatable, Sendable {
        var rows: Int64 = 0
        var sha256: [UInt8] = []
        var runs: [AuditAnchor] = []
    }

    /// Takes rows in the order of their chains.
    private struct Reading {
        var content = Content()
        private var hash = SHA256()
        private let month: String
        private let seal: AuditSeal
        private var last: AuditRow?

        init(_ month: String, _ seal: AuditSeal) {
            self.month = month
            self.seal = seal
        }

        mutating func take(_ row: AuditRow, line: [UInt8]) throws {
            let source = row.record.source
            guard seal.hash(of: row.record, seq: row.seq, after: row.previousHash) == row.hash else {
                throw AuditError(
                    .broken, "export \(month)", "row \(row.seq) of \(source) is not what was written; nothing is dropped, see rushctl audit verify")
            }
            if let last, last.record.source == source, last.seq + 1 == row.seq, let run = content.runs.last {
                guard row.previousHash == last.hash else {
                    throw AuditError(.broken, "export \(month)", "row \(row.seq) of \(source) does not follow the row before it; nothing is dropped")
                }
                content.runs[content.runs.count - 1] = anchor(from: run.fromSeq, after: run.previousHash, to: row)
            } else {
                content.runs.append(anchor(from: row.seq, after: row.previousHash, to: row))
            }
            last = row
            content.rows += 1
            hash.update(data: line)
        }

        private func anchor(from seq: Int64, after previous: [UInt8], to row: AuditRow) -> AuditAnchor {
            AuditAnchor(
                topic: row.record.source.topic, partition: row.record.source.partition, fromSeq: seq, toSeq: row.seq, month: month,
                previousHash: previous, hash: row.hash)
        }

        consuming func finish() -> Content {
            content.sha256 = Array(hash.finalize())
            return content
        }
    }

    private func export(_ month: Month, to path: String) async throws -> Content {
        let (seal, part) = (seal, "\(path).part")
        let content = try await unwrapped {
            try await database.withConnection { connection in
                var reading = Reading(month.first, seal)
                try GzipFile.write(part) { write in
                    try Self.rows(of: month, connection) { row in
                        let line = row.json + [UInt8(ascii: "\n")]
                        try reading.take(row, line: line)
                        try write(line)
                    }
                }
                return reading.finish()
            }
        }
        try step("written")
        guard rename(part, path) == 0 else { throw AuditError(.file, "write \(path)", String(cString: strerror(errno))) }
        try GzipFile.sync(directory)
        return content
    }

    private func digest(_ month: Month) async throws -> Content {
        let seal = seal
        return try await unwrapped {
            try await database.withConnection { connection in
                var reading = Reading(month.first, seal)
                try Self.rows(of: month, connection) { try reading.take($0, line: $0.json + [UInt8(ascii: "\n")]) }
                return reading.finish()
            }
        }
    }

    private func readBack(_ path: String) throws -> Content {
        let month = path.split(separator: "/").last.map { $0.dropFirst(11).prefix(7).replacing("_", with: "-") + "-01" } ?? ""
        var reading = Reading(month, seal)
        try GzipFile.readLines(path) { line in
            do {
                try reading.take(try AuditRow(json: line), line: line + [UInt8(ascii: "\n")])
            } catch let error as JSONError {
                throw AuditError(.exportDiffers, "read \(path)", "\(error)")
            }
        }
        return reading.finish()
    }

    private static func rows(of month: Month, _ connection: PostgresConnection, _ take: (AuditRow) throws -> Void) throws {
        var last: (chain: Int64, seq: Int64) = (-1, 0)
        while true {
            let batch = try connection.query(
                """
                SELECT \(AuditRows.columns) FROM \(month.table) WHERE (chain_id, seq) > ($1::int, $2::bigint)
                ORDER BY chain_id, seq LIMIT \(AuditVerifier.batch)
                """, [.int(last.chain), .int(last.seq)])
            for row in batch { try take(try AuditRows.row(row)) }
            guard batch.count == AuditVerifier.batch, let final = batch.last else { return }
            last = (try final.int64("chain_id"), try final.int64("seq"))
        }
    }

    private func drop(_ month: Month, _ content: Content) async throws {
        let seals = content.runs.map { seal.seal(of: $0) }
        try await unwrapped {
            try await database.transaction { connection in
                try connection.execute(script: "SET LOCAL lock_timeout = '\(Self.lockLimit)'; LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE")
                let rows = try connection.query("SELECT count(*) AS rows FROM \(month.table)", [])[0].int64("rows")
                guard rows == content.rows else {
                    throw AuditError(.exportDiffers, "drop \(month.first)", "rows came while it was exported; run it again")
                }
                _ = try connection.query(
                    "INSERT INTO audit_exports (month, row_count, file, sha256) VALUES ($1::date, $2::bigint, $3, $4::bytea)",
                    [.text(month.first), .int(rows), .text(month.file), .bytes(content.sha256)])
                _ = try connection.query(
                    """
                    INSERT INTO audit_anchors (chain_id, from_seq, to_seq, month, previous_hash, hash, seal)
                    SELECT c.id, a.from_seq, a.to_seq, $1::date, a.previous_hash, a.hash, a.seal
                    FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[])
                         AS a (topic, partition_id, from_seq, to_seq, previous_hash, hash, seal)
                    JOIN audit_chains AS c USING (topic, partition_id)
                    """,
                    [
                        .text(month.first), .textArray(content.runs.map(\.topic)), .intArray(content.runs.map { Int64($0.partition) }),
                        .intArray(content.runs.map(\.fromSeq)), .intArray(content.runs.map(\.toSeq)), .bytesArray(content.runs.map(\.previousHash)),
                        .bytesArray(content.runs.map(\.hash)), .bytesArray(seals),
                    ])
                try connection.execute(script: "ALTER TABLE audit_logs DETACH PARTITION \(month.table); DROP TABLE \(month.table)")
            }
        }
    }

    /// This module's own error inside a transaction knows better than the wrapper around it.
    private func unwrapped<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let error as PostgresError {
            if let own = error.underlying as? AuditError { throw own }
            throw error
        }
    }
}
