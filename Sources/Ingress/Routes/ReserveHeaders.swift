import NIOHTTP1

/// The headers that a reserve reads, found in one pass.
struct ReserveHeaders {
    private(set) var authorization: String?
    private(set) var idempotencyKey: String?
    private(set) var contentType: String?
    /// As announced, 0 where it is not.
    private(set) var contentLength = 0
    private(set) var requestID: String?
    private(set) var traceparent: String?
    private(set) var accept: String?
    private(set) var queuePass: String?
    private(set) var userAgent: String?
    private(set) var forwardedFor: String?

    init() {}

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            switch name.utf8.count {
            case 6: if Self.isEqual(name, "accept") { Self.add(value, to: &accept) }
            case 10: if Self.isEqual(name, "user-agent") { Self.add(value, to: &userAgent) }
            case 11: if Self.isEqual(name, "traceparent") { Self.add(value, to: &traceparent) }
            case 12:
                if Self.isEqual(name, "content-type") {
                    Self.add(value, to: &contentType)
                } else if Self.isEqual(name, "x-request-id") {
                    Self.add(value, to: &requestID)
                } else if Self.isEqual(name, "x-queue-pass") {
                    Self.add(value, to: &queuePass)
                }
            case 13: if Self.isEqual(name, "authorization") { Self.add(value, to: &authorization) }
            case 14: if Self.isEqual(name, "content-length") { contentLength = Int(value) ?? 0 }
            case 15:
                if Self.isEqual(name, "idempotency-key") {
                    Self.add(value, to: &idempotencyKey)
                } else if Self.isEqual(name, "x-forwarded-for") {
                    Self.add(value, to: &forwardedFor)
                }
            default: break
            }
        }
    }

    /// - Parameter lowercased: as long as `name`. Names are tokens, of whose characters only the letters change with the case bit.
    private static func isEqual(_ name: String, _ lowercased: StaticString) -> Bool {
        var expected = lowercased.utf8Start
        for byte in name.utf8 {
            if byte | 0x20 != expected.pointee { return false }
            expected += 1
        }
        return true
    }

    /// A header that comes twice is one list (RFC 9110, section 5.3), which none of these may be.
    private static func add(_ value: String, to field: inout String?) {
        field = field.map { "\($0), \(value)" } ?? value
    }
}
