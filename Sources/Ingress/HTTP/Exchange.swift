import Domain
import HTTPTypes
import NIOCore
import NIOHTTP1
import Telemetry

/// What a request has before anything else is known of it, and what each answer gets.
struct Exchange: Sendable {
    let start = ContinuousClock.now
    /// The client's `X-Request-ID`, or a new one.
    let requestID: String
    /// The span of this request.
    let trace: TraceContext

    /// - Parameter traceSampling: share of new traces that are sampled, 0 to 1.
    init(requestID given: String?, traceparent: String?, traceSampling: Double) {
        requestID = given.flatMap(Self.accepted) ?? Self.newID()
        if let traceparent, let parent = TraceContext(header: traceparent) {
            trace = parent.child()
        } else {
            trace = TraceContext(isSampled: traceSampling >= 1 || Double.random(in: 0..<1) < traceSampling)
        }
    }

    /// Adds the headers of every answer (SPEC, F17). No handler sets them, so they are appended without a look; but a page of HTML says itself what its
    /// policy allows.
    func complete(_ headers: inout HTTPFields) {
        headers.append(contentsOf: headers.contains(.contentSecurityPolicy) ? Self.pageSecurityHeaders : Self.securityHeaders)
        headers.append(HTTPField(name: .xRequestID, value: requestID))
        headers.append(HTTPField(name: .date, value: Self.date.text))
    }

    /// The same for an answer that does without Hummingbird.
    func complete(_ headers: inout HTTPHeaders) {
        headers.add(contentsOf: Self.securityPairs)
        headers.add(name: "X-Request-ID", value: requestID)
        headers.add(name: "Date", value: Self.date.text)
    }

    /// The answer to an error: the product's envelope, or a problem document for a client that prefers it.
    func answer(to error: APIError, accept: String?) -> PlainResponse {
        let asProblem = accept?.contains("application/problem+json") ?? false
        var headers = error.headers
        headers[.contentType] = asProblem ? "application/problem+json" : "application/json"
        if error.code == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        return PlainResponse(status: .init(code: error.code.status), headers: headers, body: error.body(requestID: requestID, asProblem: asProblem))
    }

    /// The same as lines of an answer that is written whole.
    func complete(_ buffer: inout ByteBuffer) {
        buffer.writeBytes(Self.securityLines)
        buffer.writeStaticString("X-Request-ID: ")
        buffer.writeString(requestID)
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeString(Self.date.text)
        buffer.writeStaticString("\r\n")
    }

    private static func accepted(_ given: String) -> String? {
        given.utf8.count <= 128 && !given.isEmpty && given.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) ? given : nil
    }

    private static func newID() -> String {
        var generator = RandomBits()
        return UUIDBits(high: generator.next() & ~0xf000 | 0x4000, low: generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000).description
    }

    static let securityHeaders: [HTTPField] = [
        HTTPField(name: .strictTransportSecurity, value: "max-age=31536000; includeSubDomains"),
        HTTPField(name: .xContentTypeOptions, value: "nosniff"),
        HTTPField(name: .xFrameOptions, value: "DENY"),
        HTTPField(name: .contentSecurityPolicy, value: "default-src 'none'; frame-ancestors 'none'"),
    ]
    private static let pageSecurityHeaders = securityHeaders.filter { $0.name != .contentSecurityPolicy }
    private static let securityPairs = securityHeaders.map { ($0.name.rawName, $0.value) }
    private static let securityLines = AcceptedReserve.lines(HTTPFields(securityHeaders))
    private static let date = DateHeader()
}
