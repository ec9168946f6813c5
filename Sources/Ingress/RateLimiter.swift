import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// The limit of every route but reserve's, which has its own inside its script (SPEC, section 3: 100 a minute, burst 20).
struct RateLimiter: Sendable {
    static let perMinute: Int64 = 100
    static let burst: Int64 = 20

    let engine: BookingEngine
    /// Proxies whose `X-Forwarded-For` is believed.
    let trustedProxies: Set<String>

    /// Takes a token of the user, or of the address when there is no user. When Redis is away everything passes.
    /// - Returns: the headers that tell the state of the bucket.
    /// - Throws: 429.
    func admit(_ endpoint: String, user: AccessToken?, _ request: Request, _ context: IngressContext) async throws -> HTTPFields {
        let who = user?.user.description ?? address(request, context)
        let bucket: (allowed: Bool, tokensLeft: Int64, retryAfterMs: Int64)
        do {
            bucket = try await engine.takeToken(endpoint: endpoint, who: who, perMinute: Self.perMinute, burst: Self.burst)
        } catch {
            return HTTPFields()
        }
        let headers = Self.headers(endpoint, tokensLeft: bucket.tokensLeft, perMinute: Self.perMinute, burst: Self.burst).fields
        if bucket.allowed { return headers }
        throw Self.refusal(headers, retryAfterMs: bucket.retryAfterMs)
    }

    static func refusal(_ headers: HTTPFields, retryAfterMs: Int64) -> APIError {
        var error = APIError(.rateLimited, "Too many requests.")
        error.headers = headers
        // Jitter, so that those who were refused together do not come back together.
        return error.retry(afterSeconds: Int((retryAfterMs + 999) / 1000) + Int.random(in: 0...2))
    }

    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and the older names.
    static func headers(_ policy: String, tokensLeft: Int64?, perMinute: Int64, burst: Int64) -> RateHeaders {
        guard let tokensLeft else { return RateHeaders() }
        let remaining = max(0, tokensLeft / 1000)
        let untilFull = ((burst * 1000 - tokensLeft) * 60 / perMinute + 999) / 1000
        let key = Made(policy: policy, remaining: remaining, untilFull: untilFull)
        if let known = made.withLock({ $0[key] }) { return known }
        let headers = RateHeaders([
            .rateLimitPolicy: "\"\(policy)\";q=\(burst);w=\(burst * 60 / perMinute)", .rateLimit: "\"\(policy)\";r=\(remaining);t=\(untilFull)",
            .xRateLimitLimit: String(burst), .xRateLimitRemaining: String(remaining), .xRateLimitReset: String(untilFull),
        ])
        made.withLock { $0[key] = headers }
        return headers
    }

    /// Headers are a few hundred different ones, so they are made once.
    private struct Made: Hashable {
        let policy: String
        let remaining: Int64
        let untilFull: Int64
    }
    private static let made = Mutex<[Made: RateHeaders]>([:])

    /// Where a request came from, for the audit.
    func origin(_ request: Request, _ context: IngressContext) -> RequestOrigin {
        RequestOrigin(address: address(request, context), agent: request.headers[.userAgent], requestID: context.requestID)
    }

    private func address(_ request: Request, _ context: IngressContext) -> String {
        address(context.remoteAddress?.ipAddress, forwarded: request.headers[.xForwardedFor])
    }

    /// The client's address, as far as it can be believed.
    /// - Parameter forwarded: what `X-Forwarded-For` says.
    func address(_ peer: String?, forwarded: String?) -> String {
        let peer = peer ?? "unknown"
        guard let forwarded, trustedProxies.contains(peer) else { return peer }
        // The last address that a trusted proxy did not itself add.
        for part in forwarded.split(separator: ",").reversed() {
            let address = part.trimmingPrefix { $0 == " " }
            if !trustedProxies.contains(String(address)) {
                // It becomes part of a key, so only what looks like an address is taken.
                let isAddress =
                    address.utf8.count <= 45 && address.utf8.allSatisfy { $0 == 0x2e || $0 == 0x3a || Character(Unicode.Scalar($0)).isHexDigit }
                return isAddress && !address.isEmpty ? String(address) : peer
            }
        }
        return peer
    }
}

/// The headers that tell the state of a bucket, for Hummingbird and for the reserve's own way.
struct RateHeaders: Sendable {
    let fields: HTTPFields
    /// The same as an answer has them.
    let lines: [UInt8]

    init(_ fields: HTTPFields = HTTPFields()) {
        self.fields = fields
        lines = AcceptedReserve.lines(fields)
    }
}
