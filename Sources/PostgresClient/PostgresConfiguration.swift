import CPq

/// Where PostgreSQL is, and every limit of a ``PostgresClient``.
public struct PostgresConfiguration: Sendable, Equatable {
    /// A libpq URL; it may hold a password, so it is never printed.
    let url: String
    /// Connections, each with a thread of its own.
    public var poolSize: Int
    /// Limit of one attempt to connect, start-up included. Looking up a host name is not included: it has the resolver's own limits.
    public var connectTimeout: Duration
    /// `statement_timeout` of the session; the client itself gives up ``answerGrace`` later, in case the server is silent.
    public var statementTimeout: Duration
    /// How long after ``statementTimeout`` a silent server is given up as ``PostgresError/Code/timeout``.
    public var answerGrace: Duration
    /// What `pg_stat_activity` shows.
    public var applicationName: String
    /// The role that each session takes on (`SET ROLE`), for a process that may do less than the user it connects as; nil keeps the user's own. Default nil.
    public var role: String?
    /// Jobs that may wait for a connection; one more is refused as ``PostgresError/Code/overloaded``.
    public var maxWaiting: Int
    /// How long a job may wait for a connection before it fails as ``PostgresError/Code/timeout``.
    public var checkoutTimeout: Duration
    /// Prepared statements kept per connection; the one unused longest makes room.
    public var maxPreparedStatements: Int
    /// First pause between two attempts to connect; doubled, with jitter, up to ``reconnectMaximum``.
    public var reconnectMinimum: Duration
    /// Longest pause between two attempts to connect.
    public var reconnectMaximum: Duration

    /// Reads `postgresql://[user[:password]@][host][:port][/database][?parameter=value]` as libpq does: a Unix socket is `?host=/folder`.
    /// - Throws: ``PostgresError`` with code `configuration`; its text repeats no part of the URL.
    public init(
        url: String, poolSize: Int = 8, connectTimeout: Duration = .seconds(3), statementTimeout: Duration = .seconds(10),
        answerGrace: Duration = .seconds(1), applicationName: String = "booking-rush", maxWaiting: Int = 1_000,
        checkoutTimeout: Duration = .seconds(5), maxPreparedStatements: Int = 128, reconnectMinimum: Duration = .milliseconds(50),
        reconnectMaximum: Duration = .seconds(1)
    ) throws(PostgresError) {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://") else {
            throw PostgresError(code: .configuration, operation: "parse PostgreSQL URL", message: "the URL must begin with postgresql://")
        }
        var text: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &text) else {
            defer { PQfreemem(text) }
            // libpq quotes the part it does not understand, and that may be the password.
            let reason = PostgresError.withoutQuotedValues(text.map { String(cString: $0) } ?? "out of memory")
            throw PostgresError(code: .configuration, operation: "parse PostgreSQL URL", message: reason)
        }
        PQconninfoFree(options)
        self.url = url
        self.poolSize = max(1, poolSize)
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.answerGrace = answerGrace
        self.applicationName = applicationName
        self.maxWaiting = maxWaiting
        self.checkoutTimeout = checkoutTimeout
        self.maxPreparedStatements = max(1, maxPreparedStatements)
        self.reconnectMinimum = reconnectMinimum
        self.reconnectMaximum = reconnectMaximum
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Host, port, user and database; no password.
    public var description: String {
        guard let options = PQconninfoParse(url, nil) else { return "postgresql://***" }
        defer { PQconninfoFree(options) }
        var parts: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parts[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        let secret = parts["password"] == nil ? "" : ":***"
        let user = parts["user"].map { "\($0)\(secret)@" } ?? ""
        return "postgresql://\(user)\(parts["host"] ?? "")\(parts["port"].map { ":\($0)" } ?? "")/\(parts["dbname"] ?? "")"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// Only the URL without its secret.
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
