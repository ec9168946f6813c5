extension PostgresError {
    /// What a message handler should do about an error.
    public enum Disposition: String, Sendable {
        /// Try this again soon.
        case retry
        /// Trying again cannot help: the statement or its data is wrong.
        case deadLetter = "dead_letter"
        /// PostgreSQL is away or refuses all work: pause until it is back.
        case outage
        /// The process cannot go on as it is configured.
        case fatal
    }

    /// What a message handler should do about this error. This file is the one place that decides it.
    public var disposition: Disposition {
        if let sqlState, let known = Self.states[sqlState] ?? Self.classes[String(sqlState.prefix(2))] { return known }
        return switch code {
        case .notConnected: .outage  // nobody is reachable
        case .connectionLost: .outage  // the reconnect decides when to go on
        case .commitUnknown: .outage  // wait for the server, then the inbox row or version tells whether it was done
        case .timeout: .outage  // no connection is free for seconds, or the server is silent
        case .overloaded: .retry  // our own queue is full for a moment
        case .cancelled: .retry  // the caller gave up, not the server
        case .server: .deadLetter  // a refusal of this very statement
        case .transactionAborted: .deadLetter  // the handler ignored an error: a repeat ignores it again
        case .decoding: .deadLetter  // the same row reads the same again
        case .invalidParameter: .deadLetter  // the same value is refused again
        case .jobFailed: .retry  // the caller's own error: it knows better, and its attempts are bounded
        case .stopped: .outage  // this process is going down
        case .configuration: .fatal  // only a person can correct it
        case .system: .fatal  // no thread, descriptor or memory left
        }
    }

    private static let states: [String: Disposition] = [
        "57014": .retry,  // statement_timeout: slow now
        "55P03": .retry,  // lock_timeout or NOWAIT: somebody else holds it
        "42501": .fatal,  // the role lacks a right
        "42P01": .fatal,  // the table is not there: migrations have not run
        "42703": .fatal,  // the column is not there: the same
        "25006": .outage,  // read-only: a failover left us on a replica
        "0A000": .retry,  // a plan that a migration made stale; prepared anew on the repeat
        "26000": .retry,  // the prepared statement is gone (DISCARD); prepared anew on the repeat
        "57P05": .outage,  // idle session timeout: the session is gone
    ]

    private static let classes: [String: Disposition] = [
        "08": .outage,  // connection exception
        "22": .deadLetter,  // data exception: the value is wrong
        "23": .deadLetter,  // constraint violation: the row is wrong
        "28": .fatal,  // the password or the role is wrong
        "3D": .fatal,  // the database does not exist
        "3F": .fatal,  // the schema does not exist
        "40": .retry,  // serialization failure, deadlock
        "42": .deadLetter,  // syntax or name: the statement is wrong
        "53": .outage,  // out of disk, memory or connections
        "55": .retry,  // an object is in use or not ready
        "57": .outage,  // shutting down, starting up, crashed
        "58": .outage,  // I/O error on the server
        "XX": .outage,  // internal error or corruption: a person has to look
    ]
}
