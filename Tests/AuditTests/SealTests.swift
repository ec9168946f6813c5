import Testing

@testable import AuditLog

@Suite struct SealTests {
    @Test func hexGoesThereAndBack() {
        #expect(Hex.bytes(Hex.text([0, 15, 16, 255])) == [0, 15, 16, 255])
        #expect(Hex.bytes("0") == nil)
        #expect(Hex.bytes("zz") == nil)
    }
}
