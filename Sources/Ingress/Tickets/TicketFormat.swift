import HTTPTypes
import Hummingbird

/// A form in which a ticket is given out.
enum TicketFormat: String, CaseIterable {
    case json, html, svg, png

    var mediaType: String {
        switch self {
        case .json: "application/json"
        case .html: "text/html"
        case .svg: "image/svg+xml"
        case .png: "image/png"
        }
    }

    /// What `format` of the query names, for links; else what `Accept` likes best (RFC 9110, section 12.5.1), JSON where it likes none of ours.
    init(_ request: Request) throws(APIError) {
        if let named = request.uri.queryParameters["format"] {
            guard let format = TicketFormat(rawValue: String(named)) else {
                let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
                throw APIError(.validation, "The request is not valid.", field: "format", reason: "must be one of \(known)")
            }
            self = format
        } else {
            self = Self.preferred(request.headers[.accept] ?? "")
        }
    }

    /// - Parameter accept: the header's value.
    static func preferred(_ accept: String) -> TicketFormat {
        var best: (format: TicketFormat, quality: Double)?
        for range in accept.lowercased().split(separator: ",").prefix(32) {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " } }
            guard let type = parts.first, let format = allCases.first(where: { $0.matches(type) }) else { continue }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            if quality > best?.quality ?? 0 { best = (format, quality) }
        }
        return best?.format ?? .json
    }

    private func matches(_ range: String) -> Bool {
        range == mediaType || range == "*/*" || (range.hasSuffix("/*") && mediaType.hasPrefix(range.dropLast()))
    }
}
