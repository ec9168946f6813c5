public import Domain
import KafkaClient
import PostgresClient

/// What an import did.
public struct ImportReport: Sendable, Encodable {
    /// Written to the DLQ topics, open.
    public var imported = 0
    /// Known already and not put aside: left out.
    public var known = 0
}

extension DeadLetterDesk {
    /// Writes dead letters as NDJSON, a line each, to the byte: what is not UTF-8 as base64. In the order of their places.
    /// - Returns: how many.
    @discardableResult
    public func export(_ filter: DeadLetterFilter, to sink: (String) async throws -> Void) async throws(DeadLettersError) -> Int {
        do {
            var cursor: DeadLetterPlace?
            var count = 0
            while true {
                var condition = Condition(filter)
                if let cursor {
                    let place = [
                        condition.bind(.text(cursor.topic)), condition.bind(.int(Int64(cursor.partition))), condition.bind(.int(cursor.offset)),
                    ]
                    condition.and("(topic, partition, record_offset) > (\(place[0]), \(place[1])::int, \(place[2])::bigint)")
                }
                let letters = try await database.query(
                    """
                    SELECT \(DeadLetter.columns) FROM dead_letters WHERE \(condition.sql)
                    ORDER BY topic, partition, record_offset LIMIT \(DeadLetterIndex.portion)
                    """, condition.parameters
                ).map { try DeadLetter($0) }
                guard let last = letters.last else { return count }
                cursor = last.place
                let messages = try await reader.read(letters.map(\.place))
                for letter in letters {
                    guard let message = messages[letter.place] else { continue }
                    try await sink(LetterLine.text(message, letter))
                    count += 1
                }
            }
        } catch {
            throw DeadLettersError(error, "export")
        }
    }

    /// Takes in what was exported, here or elsewhere: each becomes an open dead letter again, unless it is known and was not put aside.
    ///
    /// All lines are read before the first is written. After a kill the same lines again take in the rest.
    /// - Throws: `.undecodable` that names the line, and what the stores give.
    public func importing(_ lines: [String], actor: AuditActor, id: String? = nil) async throws(DeadLettersError) -> ImportReport {
        do {
            var records: [KafkaRecord] = []
            let known = Set(DeadLetterIndex.topics.map(\.name))
            for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
                do throws(JSONError) {
                    let record = try LetterLine(line).record
                    guard known.contains(record.topic) else { throw JSONError(path: ["topic"], reason: "is not declared") }
                    records.append(record)
                } catch {
                    throw DeadLettersError(.undecodable, "import", "line \(index + 1): \(error)")
                }
            }
            _ = try await catchUp()
            let chosen = records
            return try await audited("dlq.import", id: id ?? Self.newID(), actor: actor, asked: ["lines": chosen.count]) { try await takeIn(chosen) }
        } catch {
            throw DeadLettersError(error, "import")
        }
    }

    private func takeIn(_ records: [KafkaRecord]) async throws -> ImportReport {
        var report = ImportReport()
        try await withAdmin { admin in
            let partitions = Dictionary(uniqueKeysWithValues: try await admin.topics().map { ($0.name, Int32(clamping: $0.partitions)) })
            try await withProducer { producer in
                for start in stride(from: 0, to: records.count, by: DeadLetterIndex.portion) {
                    let portion = records[start..<min(start + DeadLetterIndex.portion, records.count)]
                    var new: [KafkaRecord] = []
                    for var record in portion {
                        let entry = IndexEntry(
                            message: KafkaMessage(
                                topic: record.topic, partition: record.partition ?? 0, offset: -1, key: record.key, value: record.value,
                                headers: record.headers, timestampMs: record.timestampMs))
                        if try await !database.query(IndexEntry.known, entry.knownParameters).isEmpty {
                            report.known += 1
                            continue
                        }
                        if let partition = record.partition, partition < 0 || partition >= partitions[record.topic] ?? 0 { record.partition = nil }
                        new.append(record)
                    }
                    for result in await producer.send(new) { _ = try result.get() }
                    report.imported += new.count
                    // Known from now on, also to the lines that follow.
                    _ = try await catchUp()
                }
            }
        }
        return report
    }
}
