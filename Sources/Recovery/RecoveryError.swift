/// Why a recovery did not end; nothing is trusted then, and the next try begins anew.
public struct RecoveryError: Error, CustomStringConvertible {
    /// What went wrong.
    public enum Code: String, Sendable {
        /// Another process recovers.
        case busy
        /// Redis was lost again meanwhile, or the lease went to another.
        case overtaken
        /// What a store holds cannot be read.
        case unreadable
        /// Some bookings could not be put back.
        case incomplete
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
