import Testing

@testable import Domain

struct AuditEntryTests {
    @Test func anEntryReadsAsItWasWritten() throws {
        let user = try #require(UserID("0190b6a5-0000-7000-8000-000000000001"))
        let tenant = try #require(TenantID("0190b6a5-0000-7000-8000-000000000002"))
        let full = AuditEntry(
            id: "a/accepted", actor: .user(user), action: "dlq.redrive", entity: "dead_letters", entityID: "payment", outcome: .accepted,
            tenant: tenant, old: Array(#"{"status":"open"}"#.utf8), new: Array(#"{"filter":{"group":"payment"},"counts":[1,2]}"#.utf8),
            origin: RequestOrigin(address: "127.0.0.1", agent: "curl/8 \"x\"", requestID: "r-1"), at: Timestamp(ms: 1_700_000_000_123))
        #expect(try AuditEntry(json: full.json) == full)
        let bare = AuditEntry(
            actor: .operator("root"), action: "replay", entity: "topic", entityID: "booking.events", outcome: .failed, at: Timestamp(ms: 5))
        #expect(try AuditEntry(json: bare.json) == bare)
    }

    @Test(arguments: ["operator:root", "worker:ops", "0190b6a5-0000-7000-8000-000000000001"])
    func anActorReadsAsItWasWritten(text: String) throws {
        #expect(AuditActor(text)?.description == text)
    }

    @Test(arguments: [
        (#"{"audit_id":"a"}"#, "at_ms"),
        (#"{"audit_id":"a","actor":"nobody","at_ms":1}"#, "actor"),
        (#"{"audit_id":"a","actor":"worker:ops","outcome":"done","at_ms":1}"#, "outcome"),
        (#"{"audit_id":"a","actor":"worker:ops","outcome":"failed","at_ms":1,"tenant_id":"x"}"#, "tenant_id"),
        (#"{"audit_id":"a","actor":"worker:ops","outcome":"failed","at_ms":1}"#, "action"),
        (#"{"new":{"a":},"at_ms":1}"#, "new"),
    ])
    func aWrongEntryIsAnErrorThatNamesTheMember(json: String, member: String) {
        let error = #expect(throws: JSONError.self) { _ = try AuditEntry(json: Array(json.utf8)) }
        #expect(error?.path.first == member)
    }
}
