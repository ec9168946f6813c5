/// Who does something that is audited.
public enum AuditActor: Hashable, Sendable, CustomStringConvertible {
    /// A user of the API; in text the bare id.
    case user(UserID)
    /// A person at the machine, by the name of the Unix account, `operator:root`.
    case `operator`(String)
    /// A process by itself, `worker:ops`.
    case worker(String)

    /// Reads the text form; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        if let user = UserID(text) {
            self = .user(user)
        } else if text.hasPrefix("operator:"), text.utf8.count > 9 {
            self = .operator(String(text.dropFirst(9)))
        } else if text.hasPrefix("worker:"), text.utf8.count > 7 {
            self = .worker(String(text.dropFirst(7)))
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .user(let id): id.description
        case .operator(let name): "operator:\(name)"
        case .worker(let name): "worker:\(name)"
        }
    }
}
