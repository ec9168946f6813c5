import Domain
import Hummingbird

/// What the routes of the waiting room are told.
enum QueueRequest {
    /// Reads `{"event_id": …}`.
    /// - Throws: 400 that names the field.
    static func event(json: [UInt8]) throws(APIError) -> EventID {
        var text: String?
        do throws(JSONError) {
            var reader = JSONReader(json)
            try reader.object { (key, value) throws(JSONError) in
                guard key == "event_id" else { throw JSONError(path: [], reason: "is not a known field") }
                text = try value.string()
            }
            try reader.end()
        } catch {
            throw APIError(ValidationFailure(error))
        }
        return try event(text)
    }

    /// Reads the query parameter `event_id`.
    /// - Throws: 400 that names the field.
    static func event(_ request: Request) throws(APIError) -> EventID { try event(request.uri.queryParameters["event_id"].map { String($0) }) }

    /// Reads `{"mode": "off" | "fifo" | "random" | "closed"}`.
    /// - Throws: 400 that names the field.
    static func mode(json: [UInt8]) throws(APIError) -> QueueMode {
        var text: String?
        do throws(JSONError) {
            var reader = JSONReader(json)
            try reader.object { (key, value) throws(JSONError) in
                guard key == "mode" else { throw JSONError(path: [], reason: "is not a known field") }
                text = try value.string()
            }
            try reader.end()
        } catch {
            throw APIError(ValidationFailure(error))
        }
        guard let text else { throw invalid("mode", "is required") }
        guard let mode = QueueMode(rawValue: text) else { throw invalid("mode", "must be off, fifo, random or closed") }
        return mode
    }

    private static func event(_ text: String?) throws(APIError) -> EventID {
        guard let text else { throw invalid("event_id", "is required") }
        guard let event = EventID(text) else { throw invalid("event_id", "must be a UUID") }
        return event
    }

    private static func invalid(_ field: String, _ reason: String) -> APIError {
        APIError(.validation, "The request is not valid.", field: field, reason: reason)
    }
}
