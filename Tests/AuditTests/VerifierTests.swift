import Domain
import KafkaClient
import Testing

@testable import AuditLog

@Suite struct VerifierTests {
    /// Two chains of ten rows, and what is found after `statement`, as whoever owns the database.
    private func broken(after statement: String) async throws -> [AuditReport.Break] {
        var found: [AuditReport.Break] = []
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<10) + Archive.entries(10..<20, partition: 4))
            let whole = try await archive.verifier.verify()
            #expect(whole.holds && whole.rows == 20 && whole.chains == 2)
            try await archive.tamper(statement)
            found = try await archive.verifier.verify().broken
        }
        return found
    }

    @Test(arguments: [
        "actor = 'operator:mallory'", "action = 'x'", "entity = 'x'", "entity_id = 'x'", "outcome = 'failed'", "old_values = '{}'",
        "new_values = '{\"a\":1}'",
        "address = NULL", "agent = ''", "request_id = 'x'", "trace_id = NULL", "tenant_id = '00000000-0000-0000-0000-000000000003'",
        "message_id = 'x'", "at = at + interval '1 ms'", "source_offset = 99", "source_partition = 7", "source_topic = 'booking.events'",
        "hash = decode(repeat('00', 32), 'hex')", "previous_hash = decode(repeat('00', 32), 'hex')",
    ])
    func aChangedColumnNamesItsRow(change: String) async throws {
        let broken = try await broken(after: "UPDATE audit_logs SET \(change) WHERE message_id = 'entry-4'")
        #expect(broken.count == 1 && broken.first?.kind == .changed && broken.first?.seq == 5, "\(broken)")
        #expect(broken.first?.topic == "audit.events" && broken.first?.partition == 0)
    }

    @Test func aRowTakenFromTheMiddleIsMissed() async throws {
        let broken = try await broken(after: "DELETE FROM audit_logs WHERE message_id = 'entry-14'")
        #expect(broken.map(\.kind) == [.missing] && broken.first?.seq == 5 && broken.first?.partition == 4)
    }

    @Test func aFirstRowTakenIsMissed() async throws {
        let broken = try await broken(after: "DELETE FROM audit_logs WHERE message_id = 'entry-0'")
        #expect(broken.map(\.kind) == [.missing] && broken.first?.seq == 1)
    }

    @Test func rowsTakenFromTheEndAreMissed() async throws {
        let broken = try await broken(after: "DELETE FROM audit_logs WHERE message_id IN ('entry-8', 'entry-9')")
        #expect(broken.map(\.kind) == [.missingAtEnd] && broken.first?.seq == 9)
    }

    @Test func aWholeChainTakenAwayIsMissed() async throws {
        let broken = try await broken(after: "DELETE FROM audit_logs WHERE source_partition = 4")
        #expect(broken.map(\.kind) == [.missingAtEnd] && broken.first?.seq == 1)
    }

    @Test func aRowTakenOutAndTheOthersMovedUpIsSeen() async throws {
        let broken = try await broken(
            after: """
                DELETE FROM audit_logs WHERE message_id = 'entry-4';
                UPDATE audit_logs SET seq = seq - 1 WHERE source_partition = 0 AND seq > 5;
                UPDATE audit_chains SET seq = seq - 1 WHERE partition_id = 0
                """)
        #expect(broken.map(\.kind) == [.changed] && broken.first?.seq == 5)
    }

    @Test func aRowPutInIsSeen() async throws {
        let copy = """
            INSERT INTO audit_logs SELECT chain_id, seq, at + interval '1 second', tenant_id, 'forged', actor, action, entity, entity_id, outcome, old_values,
                new_values, address, agent, request_id, trace_id, source_topic, source_partition, source_offset, previous_hash, hash
            FROM audit_logs WHERE message_id = 'entry-4'
            """
        let broken = try await broken(after: copy)
        #expect(broken.map(\.kind) == [.unexpected] && broken.first?.seq == 5)
    }

    @Test func aRowBehindTheEndIsSeen() async throws {
        let broken = try await broken(
            after: """
                INSERT INTO audit_logs SELECT chain_id, seq + 1, at, tenant_id, 'forged', actor, action, entity, entity_id, outcome, old_values, new_values,
                    address, agent, request_id, trace_id, source_topic, source_partition, source_offset, hash, hash
                FROM audit_logs WHERE message_id = 'entry-9'
                """)
        #expect(broken.map(\.kind) == [.changed] && broken.first?.seq == 11)
    }

    @Test func aForgedAnchorIsSeen() async throws {
        let broken = try await broken(
            after: """
                INSERT INTO audit_exports (month, row_count, file, sha256) VALUES ('2020-01-01', 2, 'x', '');
                INSERT INTO audit_anchors (chain_id, from_seq, to_seq, month, previous_hash, hash, seal)
                SELECT a.chain_id, 4, 5, '2020-01-01', a.hash, b.hash, b.hash FROM audit_logs a JOIN audit_logs b USING (chain_id)
                WHERE a.message_id = 'entry-2' AND b.message_id = 'entry-4';
                DELETE FROM audit_logs WHERE message_id IN ('entry-3', 'entry-4')
                """)
        #expect(broken.map(\.kind) == [.anchor] && broken.first?.seq == 4)
    }

    @Test func anEndTakenAwayTogetherWithItsRowsIsMissedByTheTopic() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<10))
            try await archive.tamper(
                """
                DELETE FROM audit_logs WHERE seq > 7;
                UPDATE audit_chains AS c SET seq = 7, next_offset = 7, hash = (SELECT hash FROM audit_logs WHERE seq = 7)
                """)
            // The chains alone hold; the offsets without a row say more, also once the worker went on.
            let partition = KafkaTopicPartition(topic: "audit.events", partition: 0)
            let cut = try await archive.verifier.verify()
            #expect(cut.holds && cut.without[partition]?.reach == 7 && cut.without[partition]?.gaps == [])
            try await archive.add([try Archive.entries(10..<11)[0]])
            let later = try await archive.verifier.verify()
            #expect(later.holds && later.without[partition]?.reach == 11 && later.without[partition]?.gaps == [7..<10])
            let missing = try await archive.verifier.missing((5..<10).map { Archive.entry($0) })
            #expect(missing.map(\.offset) == [7, 8, 9] && missing.allSatisfy { $0.kind == .missingAtEnd })
        }
    }

    @Test func aMonthThatOnlyIsSaidToBeExportedIsSeen() async throws {
        let broken = try await broken(
            after: "INSERT INTO audit_exports (month, row_count, file, sha256) VALUES (date_trunc('month', now())::date, 1, 'x', '')")
        #expect(broken.map(\.kind) == [.anchor])
    }

    @Test func aChainThatIsGoneButForItsRowsIsSeen() async throws {
        let broken = try await broken(after: "DELETE FROM audit_chains WHERE partition_id = 4")
        #expect(broken.map(\.kind) == [.unexpected])
    }

    @Test func anotherKeyProvesNothing() async throws {
        try await Archive.with { archive in
            try await archive.add(try Archive.entries(0..<3))
            let stranger = AuditVerifier(database: archive.owner, seal: AuditSeal(secret: "another secret, which is as long as it has to be"))
            #expect(try await stranger.verify().broken.map(\.seq) == [1])
        }
    }
}
