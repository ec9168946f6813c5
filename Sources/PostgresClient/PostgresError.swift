/// Why a call to PostgreSQL gave no result. It holds names of tables, columns and constraints, never a parameter or a row's value.
public struct PostgresError: Error {
    /// The kind of failure; bounded, so it can be a metric label.
    public enum Code: String, Sendable, CaseIterable {
        /// No connection can be made now; nothing was sent.
        case notConnected = "not_connected"
        /// The connection broke during a statement. Inside a transaction nothing of it is committed; alone it may have run.
        case connectionLost = "connection_lost"
        /// The connection broke while COMMIT was in flight: the transaction is committed or not, and only a read can tell.
        case commitUnknown = "commit_unknown"
        /// No connection became free within `checkoutTimeout` (nothing was sent), or the server was silent and the connection was given up.
        case timeout
        /// `maxWaiting` jobs wait already; nothing was sent.
        case overloaded
        /// The task was cancelled while it waited for a connection; nothing was sent.
        case cancelled
        /// PostgreSQL refused the statement; see ``PostgresError/sqlState``.
        case server
        /// COMMIT rolled back, because a statement had failed and its error was ignored.
        case transactionAborted = "transaction_aborted"
        /// A column is missing, null, or not of the type asked for.
        case decoding
        /// A parameter cannot be sent: a text with a NUL character, or too many parameters.
        case invalidParameter = "invalid_parameter"
        /// The caller's own closure threw another error; see ``PostgresError/underlying``.
        case jobFailed = "job_failed"
        /// The client was shut down, or never started.
        case stopped
        /// The configuration is wrong.
        case configuration
        /// The system refused a thread, a descriptor or memory.
        case system
    }

    /// The kind of failure.
    public let code: Code
    /// What was tried, with no values.
    public let operation: String
    /// What happened, for people.
    public let message: String
    /// Five characters (PostgreSQL manual, appendix A), when the server gave the error.
    public let sqlState: String?
    /// `ERROR`, `FATAL` or `PANIC`, untranslated.
    public let severity: String?
    /// The violated constraint's name.
    public let constraint: String?
    /// The table's name.
    public let table: String?
    /// The column's name.
    public let column: String?
    /// What caused it, if another error did.
    public let underlying: (any Error)?
    /// `#fileID` of the place that made the error.
    public let file: String
    /// Line of the place that made the error.
    public let line: UInt

    /// Made by the client, and by jobs that want to fail with this type.
    public init(
        code: Code, operation: String, message: String, sqlState: String? = nil, severity: String? = nil, constraint: String? = nil,
        table: String? = nil, column: String? = nil, underlying: (any Error)? = nil, file: String = #fileID, line: UInt = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.sqlState = sqlState
        self.severity = severity
        self.constraint = constraint
        self.table = table
        self.column = column
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// A bounded text for metric labels: the code, with the class of the SQLSTATE.
    public var label: String {
        guard code == .server, let sqlState else { return code.rawValue }
        return "server_" + sqlState.prefix(2).lowercased()
    }

    /// Whether the server rolled the transaction back for a reason that a repeat does away with: serialization failure or deadlock.
    public var isSerializationConflict: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// The same error with another code.
    func with(code: Code, operation: String? = nil, message: String? = nil) -> PostgresError {
        PostgresError(
            code: code, operation: operation ?? self.operation, message: message ?? self.message, sqlState: sqlState, severity: severity,
            constraint: constraint, table: table, column: column, underlying: underlying, file: file, line: line)
    }

    /// The closure's own error, unless it is one of ours already.
    static func wrapping(_ error: any Error, operation: String) -> PostgresError {
        if let error = error as? PostgresError { return error }
        return PostgresError(code: .jobFailed, operation: operation, message: "the job threw an error of its own", underlying: error)
    }
}

extension PostgresError: CustomStringConvertible {
    /// One line without personal data.
    public var description: String {
        var text = "PostgreSQL \(operation): \(message) [\(label)"
        for (name, value) in [("sqlstate", sqlState), ("constraint", constraint), ("table", table), ("column", column)] {
            if let value { text += " \(name)=\(value)" }
        }
        text += "] at \(file):\(line)"
        if let underlying { text += " caused by \(underlying)" }
        return text
    }
}
