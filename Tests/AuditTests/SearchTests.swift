import Domain
import Testing

@testable import AuditLog

@Suite struct SearchTests {
    private func everything(_ archive: Archive, _ filter: AuditFilter, limit: Int) async throws -> [AuditRow] {
        let search = AuditSearch(database: archive.owner)
        var rows: [AuditRow] = []
        var cursor: AuditCursor?
        repeat {
            let page = try await search.page(filter, after: cursor, offset: 0, limit: limit)
            #expect(page.rows.count <= limit)
            rows += page.rows
            cursor = page.next
        } while cursor != nil
        return rows
    }

    @Test func pagesByCursorHoldEveryRowOnceNewestFirst() async throws {
        try await Archive.with { archive in
            // Many at the same moment, in several chains and months.
            var records: [AuditRecord] = []
            for number in 0..<120 {
                let at = Archive.now - Int64(number / 10) * 10 * 86_400_000
                records.append(try AuditRecord(Archive.entry(number, partition: Int32(number % 5), atMs: at)))
            }
            try await archive.add(records)
            let rows = try await everything(archive, AuditFilter(), limit: 7)
            #expect(rows.count == 120 && Set(rows.map(\.record.messageID)).count == 120)
            #expect(rows.map(\.record.at) == rows.map(\.record.at).sorted(by: >))
        }
    }

    @Test func whatIsAddedMeanwhileMovesNoPage() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<30))
            let search = AuditSearch(database: archive.owner)
            let first = try await search.page(AuditFilter(), after: nil, offset: 0, limit: 10)
            try await archive.add(try Archive.entries(30..<60))
            let second = try await search.page(AuditFilter(), after: first.next, offset: 0, limit: 20)
            #expect(first.rows.map(\.record.messageID) + second.rows.map(\.record.messageID) == (0..<30).reversed().map { "entry-\($0)" })
            #expect(second.next == nil && second.total == nil && first.total == 30)
        }
    }

    private func found(_ archive: Archive, _ change: (inout AuditFilter) -> Void) async throws -> Int {
        var filter = AuditFilter()
        change(&filter)
        return try await everything(archive, filter, limit: 5).count
    }

    @Test func eachFilterHolds() async throws {
        try await Archive.with { archive in
            let id = Archive.newBooking()
            try await archive.add(
                try Archive.entries(0..<12)
                    + [try AuditRecord(Archive.booking(id, version: 1, "reserved", type: "booking.created.v1", offset: 0))])
            #expect(try await found(archive) { _ in } == 13)
            #expect(try await found(archive) { $0.actor = "operator:root" } == 12)
            #expect(try await found(archive) { $0.action = "booking.created" } == 1)
            #expect(try await found(archive) { $0.entity = "dead_letters" } == 12)
            #expect(try await found(archive) { $0.entityID = "job-2" } == 4)
            #expect(try await found(archive) { $0.requestID = "request-3" } == 1)
            #expect(try await found(archive) { $0.tenant = Archive.tenant } == 7)
            #expect(try await found(archive) { $0.from = Timestamp(ms: Archive.now + 6) } == 7)
            #expect(try await found(archive) { ($0.from, $0.until) = (Timestamp(ms: Archive.now + 2), Timestamp(ms: Archive.now + 4)) } == 2)
            #expect(try await found(archive) { ($0.actor, $0.entityID, $0.tenant) = ("operator:root", "job-0", Archive.tenant) } == 2)
            #expect(try await found(archive) { $0.actor = "x' OR 1=1 --" } == 0)
        }
    }

    @Test func totalsAreExactAsFarAsTheyAreCounted() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<1_000))
            let search = AuditSearch(database: archive.owner)
            let exact = try await search.page(AuditFilter(), after: nil, offset: 980, limit: 20)
            #expect(exact.total == 1_000 && exact.totalIsExact && exact.rows.count == 20 && exact.next == nil)
            try await archive.add(try Archive.entries(1_000..<1_010))
            let more = try await search.page(AuditFilter(), after: nil, offset: 0, limit: 20)
            #expect(more.total == AuditSearch.counted && !more.totalIsExact)
        }
    }

    @Test func aCursorIsReadAsItIsWritten() {
        let cursor = AuditCursor(at: Timestamp(ms: 1_790_000_000_123), chain: 7, seq: 99)
        #expect(AuditCursor(cursor.description) == cursor)
        for text in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.-2.3", "1.2.-3", "999999999999999999.1.1", "1.99999999999.1", "9223372036854775808.1.1"] {
            #expect(AuditCursor(text) == nil, "\(text)")
        }
    }
}
