import Testing

@testable import Ingress

@Suite struct AuditedWritesTests {
    @Test func aLocationNamesItsThing() {
        let event = "0190b6f4-0000-7000-8000-000000000001"
        #expect(AuditedWrites.named(at: "/api/v1/queue/status?event_id=\(event)") == event)
        #expect(AuditedWrites.named(at: "/api/v1/operations/op-1?wait=1") == "op-1")
        #expect(AuditedWrites.named(at: "/api/v1/operations/op-1") == "op-1")
        #expect(AuditedWrites.named(at: "/") == nil)
    }
}
