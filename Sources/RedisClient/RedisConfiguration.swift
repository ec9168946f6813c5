/// Where Redis is, and every limit of a ``RedisClient``.
public struct RedisConfiguration: Sendable, Equatable {
    /// Host name or numeric address.
    public var host: String
    /// TCP port, 1 to 65,535.
    public var port: Int
    /// ACL user; nil is Redis' `default` user.
    public var username: String?
    /// Sent with AUTH on each connect; printed as `***`.
    public var password: String?
    /// Logical database, selected on each connect.
    public var database: Int
    /// Limit for connect and greeting together (AUTH, SELECT, INFO); also the longest that a call waits for the first connection. Looking up a
    /// host name is not included: it has the resolver's own limits.
    public var connectTimeout: Duration
    /// Limit from submission to reply; when the oldest command in flight passes it, the connection is given up and all in flight fail.
    public var commandTimeout: Duration
    /// Commands queued or in flight; one more is refused as ``RedisError/Code/overloaded``.
    public var maxPending: Int
    /// Bytes queued and not yet taken by the kernel; a command that would pass it is refused as ``RedisError/Code/overloaded``.
    public var maxPendingBytes: Int
    /// First pause between two attempts to connect; doubled, with jitter, up to ``reconnectMaximum``.
    public var reconnectMinimum: Duration
    /// Longest pause between two attempts to connect.
    public var reconnectMaximum: Duration
    /// What `CLIENT LIST` shows for the connection; letters, digits, `-`, `_`.
    public var clientName: String

    /// All limits at their defaults.
    public init(
        host: String = "127.0.0.1", port: Int = 6379, username: String? = nil, password: String? = nil, database: Int = 0,
        connectTimeout: Duration = .seconds(2), commandTimeout: Duration = .seconds(1), maxPending: Int = 20_000,
        maxPendingBytes: Int = 64 * 1024 * 1024, reconnectMinimum: Duration = .milliseconds(50), reconnectMaximum: Duration = .seconds(1),
        clientName: String = "booking-rush"
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.database = database
        self.connectTimeout = connectTimeout
        self.commandTimeout = commandTimeout
        self.maxPending = maxPending
        self.maxPendingBytes = maxPendingBytes
        self.reconnectMinimum = reconnectMinimum
        self.reconnectMaximum = reconnectMaximum
        self.clientName = clientName
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// The URL without its secret.
    public var description: String {
        let credentials = password == nil ? "" : "\(username ?? ""):***@"
        return "redis://\(credentials)\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
    }

    /// The same as ``description``, so that `dump` and `reflecting` show no secret either.
    public var debugDescription: String { description }
}

extension RedisConfiguration: CustomReflectable {
    /// Only the URL without its secret.
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
