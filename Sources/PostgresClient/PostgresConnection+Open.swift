import CPq
import Glibc

extension PostgresConnection {
    /// Connects and sets the session up, within `connectTimeout`; a stop of the pool ends it early.
    static func open(_ configuration: PostgresConfiguration, wakeFD: Int32, isStopping: () -> Bool) throws(PostgresError) -> PostgresConnection {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let handle = try start(configuration)
        // Notices go nowhere: libpq would print them to stderr.
        PQsetNoticeProcessor(handle.pointer, { _, _ in }, nil)
        var status = PGRES_POLLING_WRITING
        while status != PGRES_POLLING_OK {
            switch status {
            case PGRES_POLLING_READING: try wait(handle.pointer, POLLIN, until: deadline, wakeFD: wakeFD, isStopping: isStopping)
            case PGRES_POLLING_WRITING: try wait(handle.pointer, POLLOUT, until: deadline, wakeFD: wakeFD, isStopping: isStopping)
            default: throw refused(handle.pointer)
            }
            status = PQconnectPoll(handle.pointer)
        }
        PQsetnonblocking(handle.pointer, 1)
        let connection = PostgresConnection(handle: handle, configuration: configuration)
        try connection.setUp()
        return connection
    }

    private static func start(_ configuration: PostgresConfiguration) throws(PostgresError) -> PostgresHandle {
        // What follows `dbname`, which libpq expands as a URL, wins over it.
        let settings = [("dbname", configuration.url), ("application_name", configuration.applicationName), ("client_encoding", "UTF8")]
        let strings = settings.map { (strdup($0.0), strdup($0.1)) }
        defer {
            for (keyword, value) in strings {
                free(keyword)
                free(value)
            }
        }
        let keywords = strings.map { UnsafePointer<CChar>($0.0) } + [nil]
        let values = strings.map { UnsafePointer<CChar>($0.1) } + [nil]
        guard let pointer = PQconnectStartParams(keywords, values, 1) else {
            throw PostgresError(code: .system, operation: "connect", message: "no memory for a connection")
        }
        let handle = PostgresHandle(pointer)
        guard PQstatus(handle.pointer) != CONNECTION_BAD else { throw refused(handle.pointer) }
        return handle
    }

    private func setUp() throws(PostgresError) {
        try execute(
            script: """
                SET statement_timeout = \(configuration.statementTimeout.wholeMilliseconds);
                SET bytea_output = 'hex'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1
                """)
        if let role = configuration.role { try execute(script: "SET ROLE \"\(role.replacing("\"", with: "\"\""))\"") }
    }

    /// libpq's text names host, port, user and database; it never holds the password.
    private static func refused(_ connection: OpaquePointer) -> PostgresError {
        let text = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return PostgresError(code: .notConnected, operation: "connect", message: line.isEmpty ? "the connection was refused" : line)
    }

    private static func wait(
        _ connection: OpaquePointer, _ events: Int32, until deadline: ContinuousClock.Instant, wakeFD: Int32, isStopping: () -> Bool
    ) throws(PostgresError) {
        while true {
            var polled = [
                pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0), pollfd(fd: wakeFD, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&polled, 2, pollMilliseconds(until: deadline))
            if isStopping() { throw PostgresError(code: .stopped, operation: "connect", message: "the client was shut down") }
            if count > 0, polled[0].revents != 0 { return }
            if polled[1].revents != 0 { PostgresPool.acknowledge(wakeFD) }
            guard deadline > .now else {
                throw PostgresError(code: .notConnected, operation: "connect", message: "no answer within the time to connect")
            }
        }
    }
}
