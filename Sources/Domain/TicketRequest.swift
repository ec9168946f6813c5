/// The body of `POST /tickets/verify`: what was read at the door.
public struct TicketRequest: Equatable, Sendable {
    /// Longest code that is looked at, in bytes.
    public static let longestCode = 256

    /// As it was read, not yet checked.
    public let code: String
    /// The show at whose door it was read; nil where the door does not say.
    public let show: ShowID?

    /// Reads and checks the JSON.
    /// - Throws: every fault that was found, each with its field.
    public init(json: [UInt8]) throws(ValidationFailure) {
        var (code, show): (String?, String?)
        try readBody(json) { (key, value) throws(JSONError) in
            switch key {
            case "code": code = try value.string()
            case "show_id": if !value.null() { show = try value.string() }
            default: return false
            }
            return true
        }
        var faults: [ValidationFailure.Fault] = []
        if code == nil { faults.append(.init(field: "code", reason: "is required")) }
        if let code, code.utf8.count > Self.longestCode {
            faults.append(.init(field: "code", reason: "must be at most \(Self.longestCode) bytes"))
        }
        let id = show.flatMap { ShowID($0) }
        if show != nil, id == nil { faults.append(.init(field: "show_id", reason: "must be a UUID")) }
        guard faults.isEmpty, let code else { throw ValidationFailure(faults: faults) }
        self.code = code
        self.show = id
    }
}
