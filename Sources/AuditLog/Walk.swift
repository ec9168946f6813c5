import KafkaClient
import PostgresClient

/// One chain from its first row to its end.
struct Walk: Sendable {
    private let chain: Int64
    private let seal: AuditSeal
    /// The place that comes next, and the hash of the one before it.
    private var next: Int64 = 1
    private var hash = AuditSeal.origin
    private(set) var source = KafkaTopicPartition(topic: "", partition: -1)
    private(set) var rows = 0
    private(set) var exportedRows: Int64 = 0
    /// Offsets of the source before ``reach`` that have no row: copies, what is no audit record, what was exported, or rows that are gone.
    private(set) var gaps: [Range<Int64>] = []
    /// The offset behind the highest that has a row.
    private(set) var reach: Int64 = 0
    private(set) var broken: AuditReport.Break?

    init(chain: Int64, seal: AuditSeal) {
        self.chain = chain
        self.seal = seal
    }

    mutating func run(_ connection: PostgresConnection, progress: (Int) -> Void) throws {
        let end = try connection.query("SELECT topic, partition_id, seq, hash FROM audit_chains WHERE id = $1::int", [.int(chain)]).first
        if let end {
            source = KafkaTopicPartition(topic: try end.string("topic"), partition: Int32(truncatingIfNeeded: try end.int64("partition_id")))
        }
        var anchors: [Int64: (AuditAnchor, [UInt8])] = [:]
        for row in try connection.query(
            "SELECT from_seq, to_seq, month::text AS month, previous_hash, hash, seal FROM audit_anchors WHERE chain_id = $1::int", [.int(chain)])
        {
            let anchor = AuditAnchor(
                topic: source.topic, partition: source.partition, fromSeq: try row.int64("from_seq"), toSeq: try row.int64("to_seq"),
                month: try row.string("month"), previousHash: try row.bytes("previous_hash"), hash: try row.bytes("hash"))
            anchors[anchor.fromSeq] = (anchor, try row.bytes("seal"))
        }
        pass(&anchors)
        var last: (seq: Int64, at: String) = (0, "-infinity")
        while broken == nil {
            let batch = try connection.query(
                """
                SELECT \(AuditRows.columns), at::text AS at FROM audit_logs WHERE chain_id = $1::int AND (seq, at) > ($2::bigint, $3::timestamptz)
                ORDER BY seq, at LIMIT \(AuditVerifier.batch)
                """, [.int(chain), .int(last.seq), .text(last.at)])
            for row in batch {
                take(try AuditRows.row(row))
                pass(&anchors)
                if broken != nil { return }
            }
            progress(rows)
            guard batch.count == AuditVerifier.batch, let final = batch.last else { break }
            last = (try final.int64("seq"), try final.string("at"))
        }
        if broken != nil { return }
        if let anchor = anchors.values.map(\.0).min(by: { $0.fromSeq < $1.fromSeq }) {
            found(.missing, seq: next, "rows \(next) to \(anchor.fromSeq - 1) are gone")
        } else if let end {
            try compare(end)
        } else {
            found(.unexpected, seq: nil, "there are rows, and the chain itself is gone")
        }
    }

    /// Goes over the anchors that stand here.
    private mutating func pass(_ anchors: inout [Int64: (AuditAnchor, [UInt8])]) {
        while broken == nil, let (anchor, mark) = anchors.removeValue(forKey: next) {
            guard anchor.previousHash == hash, seal.seal(of: anchor) == mark else {
                return found(.anchor, seq: anchor.fromSeq, "the anchor of rows \(anchor.fromSeq) to \(anchor.toSeq) is not one of ours")
            }
            exportedRows += anchor.toSeq - anchor.fromSeq + 1
            (next, hash) = (anchor.toSeq + 1, anchor.hash)
        }
    }

    private mutating func take(_ row: AuditRow) {
        rows += 1
        if row.seq > next {
            found(.missing, seq: next, "\(row.seq == next + 1 ? "row \(next) is" : "rows \(next) to \(row.seq - 1) are") gone")
        } else if row.seq < next {
            found(.unexpected, row, "there are two rows of this place")
        } else if source.partition >= 0, row.record.source != source {
            found(.changed, row, "it is of another partition's chain")
        } else if seal.hash(of: row.record, seq: row.seq, after: row.previousHash) != row.hash {
            found(.changed, row, "it is not what was written")
        } else if row.previousHash != hash {
            found(.changed, row, "it does not follow the row before it")
        } else {
            (next, hash) = (row.seq + 1, row.hash)
            let offset = row.record.offset
            if offset > reach { gaps.append(reach..<offset) }
            reach = max(reach, offset + 1)
        }
    }

    private mutating func compare(_ end: PostgresRow) throws {
        let (seq, mark) = (try end.int64("seq"), try end.bytes("hash"))
        if seq >= next {
            found(.missingAtEnd, seq: next, "\(seq == next ? "row \(next) is" : "rows \(next) to \(seq) are") gone from the end")
        } else if seq < next - 1 {
            found(.unexpected, seq: seq + 1, "there are rows behind the end of the chain")
        } else if mark != hash {
            found(.changed, seq: seq, "the end of the chain has another hash")
        }
    }

    private mutating func found(_ kind: AuditReport.Break.Kind, _ row: AuditRow, _ detail: String) {
        found(kind, seq: row.seq, offset: row.record.offset, at: row.record.at.description, detail)
    }

    private mutating func found(_ kind: AuditReport.Break.Kind, seq: Int64?, offset: Int64? = nil, at: String? = nil, _ detail: String) {
        broken = AuditReport.Break(
            topic: source.topic, partition: source.partition, seq: seq, offset: offset, at: at, kind: kind, detail: detail)
    }
}
