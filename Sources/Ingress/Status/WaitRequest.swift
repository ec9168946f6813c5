import Domain
import HTTPTypes
import Hummingbird

/// How long a reader is willing to wait, and what it has already (SPEC, "Reads poll, long-poll or stream").
struct WaitRequest {
    /// Longest wait.
    static let longest = 30

    /// Versions the reader has; empty when it sent no `If-None-Match`.
    private let known: [Substring]
    private let knowsAny: Bool
    /// Seconds, when a wait was asked for.
    let seconds: Int?

    /// Reads `If-None-Match`, `Prefer: wait=N` (RFC 7240) and `?wait=N`.
    /// - Throws: 400 for a query parameter that is no number; a preference that is not understood is ignored (RFC 7240, section 2).
    init(_ request: Request) throws {
        let header = request.headers[.ifNoneMatch] ?? ""
        known = header.split(separator: ",").map { Self.opaque($0) }
        knowsAny = header == "*"
        if let text = request.uri.queryParameters["wait"] {
            guard let seconds = Int(text), seconds >= 0 else {
                throw APIError(.validation, "The request is not valid.", field: "wait", reason: "must be a whole number of seconds")
            }
            self.seconds = min(seconds, Self.longest)
        } else {
            seconds = Self.preference(request.headers[.prefer] ?? "")
        }
    }

    /// Whether the reader sent `If-None-Match`; without it every answer comes at once.
    var isConditional: Bool { knowsAny || !known.isEmpty }

    /// The newest version that the reader has, where it is a number.
    var newest: Int64? { known.compactMap { Int64($0) }.max() }

    /// Whether the reader waits where there is no news.
    var waits: Bool { isConditional && (seconds ?? 0) > 0 }

    func knows(_ version: Int64) -> Bool { knowsAny || known.contains { $0 == String(version) } }

    /// The version that the reader has and that still holds; nil where the state is news.
    func known(_ state: any Followed) -> Int64? {
        knowsAny ? state.version : known.lazy.compactMap { Int64($0) }.first { !state.isNews(after: $0) }
    }

    /// Headers of every conditional read.
    func headers(version: Int64) -> HTTPFields {
        var headers: HTTPFields = [.eTag: "\"\(version)\"", .vary: "Prefer", .cacheControl: "private, no-store"]
        if isConditional, let seconds { headers[.preferenceApplied] = "wait=\(seconds)" }
        return headers
    }

    /// `W/"12"` and `"12"` are the same here (weak comparison, RFC 9110, section 13.1.2).
    private static func opaque(_ tag: Substring) -> Substring {
        var tag = tag.drop { $0 == " " }
        if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
        return tag.dropFirst().prefix { $0 != "\"" }
    }

    private static func preference(_ header: String) -> Int? {
        for preference in header.split(separator: ",") {
            let parts = preference.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].filter({ $0 != " " }).lowercased() == "wait",
                let seconds = Int(parts[1].filter { $0 != " " && $0 != "\"" }), seconds >= 0
            else { continue }
            return min(seconds, longest)
        }
        return nil
    }
}
