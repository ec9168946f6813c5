import CPq
import Glibc

/// Sending and receiving without blocking in libpq, so that a silent server is noticed.
extension PostgresConnection {
    /// Sends with `send` and returns the last result.
    /// - Throws: the first error; `connectionLost` and `timeout` leave the connection broken.
    func exchange(_ sql: String, send: (OpaquePointer) -> Int32) throws(PostgresError) -> PostgresResult {
        guard !isBroken else { throw lost(sql) }
        let deadline = ContinuousClock.now + statementTimeout + configuration.answerGrace
        guard send(handle.pointer) == 1 else { throw notSent(sql) }
        try flush(sql, until: deadline)
        let result = try collect(sql, until: deadline)
        guard result.status == PGRES_COPY_IN else { return result }
        // Data was not announced; ending the copy makes the server report it as failed.
        try endCopy(sql, failure: "no data was expected here", until: deadline)
        return try collect(sql, until: deadline)
    }

    /// Writes what libpq has buffered, reading meanwhile, so that neither side waits for the other.
    func flush(_ sql: String, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        while true {
            switch PQflush(handle.pointer) {
            case 0: return
            case 1:
                let ready = try wait(POLLIN | POLLOUT, sql, until: deadline)
                // A failure shows in the result that follows.
                if ready & Int16(POLLIN) != 0, PQconsumeInput(handle.pointer) == 0 { return }
            default: throw lost(sql)
            }
        }
    }

    /// Reads results until the server is ready again, or wants data for a COPY.
    func collect(_ sql: String, until deadline: ContinuousClock.Instant) throws(PostgresError) -> PostgresResult {
        var last: PostgresResult?
        var failure: PostgresError?
        while true {
            while PQisBusy(handle.pointer) == 1 {
                _ = try wait(POLLIN, sql, until: deadline)
                if PQconsumeInput(handle.pointer) == 0 { break }
            }
            guard PQisBusy(handle.pointer) == 0 || PQstatus(handle.pointer) == CONNECTION_BAD else { throw lost(sql) }
            guard let pointer = PQgetResult(handle.pointer) else { break }
            let result = PostgresResult(pointer)
            let status = result.status
            switch status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: last = consume result
            case PGRES_COPY_IN:
                if let failure {
                    isBroken = true
                    throw failure
                }
                return result
            case PGRES_COPY_OUT, PGRES_COPY_BOTH:
                isBroken = true
                throw PostgresError(code: .invalidParameter, operation: Self.operation(sql), message: "COPY TO is not supported")
            default: if failure == nil { failure = PostgresError.server(result, operation: Self.operation(sql)) }
            }
        }
        if PQstatus(handle.pointer) != CONNECTION_OK { isBroken = true }
        if let failure {
            if failure.isSerializationConflict { hasConflict = true }
            // An error without SQLSTATE is libpq's own: the connection.
            if isBroken, failure.code == .server { throw failure.with(code: .connectionLost, message: "the connection was lost") }
            throw failure
        }
        guard let last else { throw lost(sql) }
        return last
    }

    /// Waits for the socket and returns what is ready.
    private func wait(_ events: Int32, _ sql: String, until deadline: ContinuousClock.Instant) throws(PostgresError) -> Int16 {
        while true {
            var polled = pollfd(fd: PQsocket(handle.pointer), events: Int16(events), revents: 0)
            guard polled.fd >= 0 else { throw lost(sql) }
            if poll(&polled, 1, pollMilliseconds(until: deadline)) > 0 {
                // Errors and hang-ups are read from the socket like data.
                return polled.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 ? Int16(POLLIN) : polled.revents
            }
            guard deadline > .now else {
                isBroken = true
                throw PostgresError(
                    code: .timeout, operation: Self.operation(sql),
                    message: "the server was silent for \(statementTimeout + configuration.answerGrace); the connection was given up")
            }
        }
    }

    private func lost(_ sql: String) -> PostgresError {
        isBroken = true
        return PostgresError(code: .connectionLost, operation: Self.operation(sql), message: "the connection was lost")
    }

    private func notSent(_ sql: String) -> PostgresError {
        guard PQstatus(handle.pointer) == CONNECTION_OK else { return lost(sql) }
        isBroken = true
        return PostgresError(code: .system, operation: Self.operation(sql), message: "libpq could not send the statement")
    }
}

/// For poll(2): rounded up, so that the deadline has passed when it returns.
func pollMilliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
    let left = ContinuousClock.now.duration(to: deadline)
    return left > .zero ? Int32(clamping: left.wholeMilliseconds + 1) : 0
}
