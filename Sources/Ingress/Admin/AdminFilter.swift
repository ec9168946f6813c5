import Domain
import Hummingbird

/// Which dead letters are meant: the member `filter` of a body, or the query of a list. All that is named must hold.
struct AdminFilter: Sendable {
    /// Longest text of a filter, in bytes.
    static let longest = 255
    /// Dead letters that are named one by one, at most.
    static let maximumPlaces = 500
    private static let names: Set<String> = ["group", "error_class", "site", "type", "key", "text", "since", "until", "status"]

    private(set) var texts: [String: String] = [:]
    private(set) var places: [String] = []

    /// Whether it names nothing, and so means everything.
    var isEmpty: Bool { texts.isEmpty && places.isEmpty }

    /// Means everything.
    init() {}

    /// Reads the query; parameters that it does not know are the list's.
    init(_ request: Request) throws(APIError) {
        for name in Self.names.sorted() {
            guard let text = request.uri.queryParameters[Substring(name)] else { continue }
            if let reason = Self.fault(String(text)) { throw APIError(.validation, "The request is not valid.", field: name, reason: reason) }
            texts[name] = String(text)
        }
    }

    /// Reads the object of a body.
    init(_ reader: inout JSONReader) throws(JSONError) {
        var texts: [String: String] = [:]
        var places: [String] = []
        try reader.object { (key, value) throws(JSONError) in
            if Self.names.contains(key) {
                let text = try value.string()
                if let reason = Self.fault(text) { throw JSONError(path: [], reason: reason) }
                texts[key] = text
            } else if key == "places" {
                try value.array { (element) throws(JSONError) in
                    places.append(try element.string())
                    if places.count > Self.maximumPlaces { throw JSONError(path: [], reason: "must name at most \(Self.maximumPlaces)") }
                }
                if places.isEmpty { throw JSONError(path: [], reason: "must not be empty") }
            } else {
                throw JSONError(path: [], reason: "is not a known field")
            }
        }
        (self.texts, self.places) = (texts, places)
    }

    private static func fault(_ text: String) -> String? {
        text.isEmpty || text.utf8.count > longest || text.utf8.contains(0) ? "must be 1 to \(longest) bytes without NUL" : nil
    }

    /// A moment, RFC 3339.
    func time(_ name: String, prefix: String) throws(APIError) -> Timestamp? {
        guard let text = texts[name] else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw APIError(.validation, "The request is not valid.", field: prefix + name, reason: "must be a time like 2026-11-21T10:00:00Z")
        }
        return time
    }
}
