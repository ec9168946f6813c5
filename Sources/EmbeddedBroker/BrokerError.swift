import Glibc

/// What can go wrong inside the broker.
struct BrokerError: Error, CustomStringConvertible {
    /// The kinds; each is a label short enough for a metric.
    enum Code: String, Sendable {
        /// A request's bytes do not have the layout of its version: the connection is closed.
        case malformedRequest
        /// The data directory cannot be used: the broker does not start.
        case dataDirectory
        /// The address cannot be listened on: the broker does not start.
        case listen
        /// A file cannot be read or written: the request is refused.
        case storage
        /// Records are on the disk and not in memory: they are fetched on the reader's thread.
        case notCached
        /// A file could not be made durable: its state is unknown, so the broker stops.
        case sync
        /// Stored state cannot be read: the broker does not start.
        case corruptState
    }

    let code: Code
    let operation: String
    let message: String
    /// The system's error number, 0 when there is none.
    let systemError: Int32
    let site: String

    init(_ code: Code, operation: String, message: String, systemError: Int32 = 0, fileID: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.systemError = systemError
        site = "\(fileID):\(line)"
    }

    /// An error from the last system call.
    static func system(_ code: Code, operation: String, path: String, fileID: String = #fileID, line: Int = #line) -> BrokerError {
        let number = errno
        return BrokerError(
            code, operation: operation, message: "\(path): \(String(cString: strerror(number)))", systemError: number, fileID: fileID, line: line)
    }

    var description: String { "cannot \(operation): \(message)" }
}
