extension RedisError {
    /// What a message handler should do about an error.
    public enum Disposition: String, Sendable {
        /// Try this again soon.
        case retry
        /// Trying again cannot help: the request itself is wrong.
        case deadLetter = "dead_letter"
        /// Redis is away or refuses all writes: pause until it is back.
        case outage
        /// The process cannot go on as it is configured.
        case fatal
    }

    /// What a message handler should do about this error. This file is the one place that decides it.
    public var disposition: Disposition {
        switch code {
        case .notConnected: .outage  // nobody is reachable; another message would fare no better
        case .connectionLost: .outage  // the reconnect decides when to go on
        case .timeout: .outage  // Redis hangs; the connection was given up
        case .overloaded: .retry  // our own queue is full for a moment
        case .stopped: .outage  // this process is going down; the message belongs to the next one
        case .protocolViolation: .outage  // the connection was given up; a new one starts clean
        case .unexpectedReply: .deadLetter  // the same request gets the same reply
        case .configuration: .fatal  // only a person can correct it
        case .system: .fatal  // no thread or descriptor left to work with
        case .server: Self.serverDispositions[serverCode ?? "ERR"] ?? .deadLetter  // an unknown refusal of this very request
        }
    }

    /// The codes that may stand in a metric label.
    static var knownServerCodes: Set<String> { serverCodeSet }

    private static let serverCodeSet = Set(serverDispositions.keys)

    private static let serverDispositions: [String: Disposition] = [
        "ERR": .deadLetter,  // wrong arguments, or a script error
        "WRONGTYPE": .deadLetter,  // the key holds another type
        "NOSCRIPT": .retry,  // flushed between our load and our call
        "BUSY": .outage,  // a script runs too long and blocks everybody
        "LOADING": .outage,  // reading its append-only file after a start
        "MASTERDOWN": .outage,  // a replica without its master
        "MISCONF": .outage,  // cannot persist, so it refuses writes
        "OOM": .outage,  // maxmemory with noeviction: no write passes until something is freed
        "NOREPLICAS": .outage,  // fewer replicas than min-replicas-to-write
        "READONLY": .outage,  // a failover left us on a replica
        "UNBLOCKED": .retry,  // the server gave up a blocked call
        "TRYAGAIN": .retry,  // a slot is being moved
        "MOVED": .fatal,  // a cluster, which this client does not speak
        "ASK": .fatal,  // the same
        "CLUSTERDOWN": .outage,  // slots are not covered
        "CROSSSLOT": .deadLetter,  // the keys of the request do not share a tag
        "EXECABORT": .deadLetter,  // a queued command was refused
        "NOAUTH": .fatal,  // a password is needed
        "WRONGPASS": .fatal,  // the password is wrong
        "NOPERM": .fatal,  // the ACL user lacks a right
    ]
}
