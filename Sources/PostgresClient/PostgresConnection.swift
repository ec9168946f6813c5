import CPq
import Glibc

/// One connection, lent to a job on the thread that owns it; it is not Sendable and must not outlive the job.
///
/// After the job, an open transaction is rolled back and the statement timeout restored; other session state (SET, advisory locks,
/// temporary tables) is the job's to undo.
public final class PostgresConnection {
    /// libpq's connection.
    let handle: PostgresHandle
    /// The client's limits.
    let configuration: PostgresConfiguration
    /// What this connection has prepared.
    var statements: PostgresStatementCache
    /// The connection cannot be used any more.
    var isBroken = false
    /// A statement of the current transaction met a serialization failure, a deadlock or a stale plan.
    var hasConflict = false
    /// The `statement_timeout` in force.
    var statementTimeout: Duration

    /// Takes over a connection that is open; see `open`.
    init(handle: consuming PostgresHandle, configuration: PostgresConfiguration) {
        self.handle = handle
        self.configuration = configuration
        statements = PostgresStatementCache(limit: configuration.maxPreparedStatements)
        statementTimeout = configuration.statementTimeout
    }

    /// Runs one statement with `$1 …` parameters; it is prepared once per connection and SQL text.
    /// - Throws: ``PostgresError``
    public func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
        let encoded = try PostgresParameters(parameters, operation: Self.operation(sql))
        do throws(PostgresError) {
            return PostgresRows(try runPrepared(sql, encoded))
        } catch {
            // A plan that a migration made stale has not run; outside a transaction it can be prepared and run at once.
            guard Self.isStalePlan(error) else { throw error }
            statements.isStale = true
            hasConflict = true
            guard !isBroken, PQtransactionStatus(handle.pointer) == PQTRANS_IDLE else { throw error }
            return PostgresRows(try runPrepared(sql, encoded))
        }
    }

    /// Runs a script of any number of statements without parameters; outside a transaction block the server makes it one transaction.
    ///
    /// The client waits `statementTimeout` for the whole script: see ``setStatementTimeout(_:)``.
    public func execute(script: String) throws(PostgresError) {
        _ = try exchange(script) { PQsendQuery($0, script) }
    }

    /// Sets `statement_timeout` until the end of the job, for a migration or a long report.
    public func setStatementTimeout(_ limit: Duration) throws(PostgresError) {
        _ = try exchange("SET statement_timeout") { PQsendQuery($0, "SET statement_timeout = \(limit.wholeMilliseconds)") }
        statementTimeout = limit
    }

    /// Runs the body between BEGIN and COMMIT; an error rolls back. It is not repeated: see ``PostgresClient/transaction(_:)``.
    /// - Throws: ``PostgresError``; `commitUnknown` when the connection broke during COMMIT.
    public func transaction<Value>(_ body: (PostgresConnection) throws -> Value) throws(PostgresError) -> Value {
        hasConflict = false
        try dropStaleStatements()
        _ = try exchange("BEGIN") { PQsendQuery($0, "BEGIN") }
        let value: Value
        do {
            value = try body(self)
        } catch {
            // A rollback that fails leaves the connection broken or in its block; ``reset()`` deals with both.
            if !isBroken { _ = try? exchange("ROLLBACK") { PQsendQuery($0, "ROLLBACK") } }
            throw PostgresError.wrapping(error, operation: "transaction")
        }
        let tag: String
        do throws(PostgresError) {
            let result = try exchange("COMMIT") { PQsendQuery($0, "COMMIT") }
            tag = result.commandTag
        } catch {
            throw isBroken ? error.with(code: .commitUnknown, message: "the connection broke during COMMIT") : error
        }
        guard tag == "COMMIT" else {
            throw PostgresError(code: .transactionAborted, operation: "COMMIT", message: "a statement failed before, and its error was ignored")
        }
        return value
    }

    private func runPrepared(_ sql: String, _ parameters: PostgresParameters) throws(PostgresError) -> PostgresResult {
        let name = try prepare(sql)
        return try exchange(sql) { connection in
            parameters.withPointers { values, lengths, formats in
                PQsendQueryPrepared(connection, name, Int32(parameters.count), values, lengths, formats, 0)
            }
        }
    }

    private func prepare(_ sql: String) throws(PostgresError) -> String {
        if PQtransactionStatus(handle.pointer) == PQTRANS_IDLE { try dropStaleStatements() }
        if let name = statements.name(of: sql) { return name }
        if let oldest = statements.removeOldestIfFull() {
            _ = try exchange("DEALLOCATE") { PQsendQuery($0, "DEALLOCATE \(oldest)") }
        }
        let name = statements.nextName()
        _ = try exchange(sql) { PQsendPrepare($0, name, sql, 0, nil) }
        statements.insert(sql, name)
        return name
    }

    private func dropStaleStatements() throws(PostgresError) {
        guard statements.isStale else { return }
        _ = try exchange("DEALLOCATE ALL") { PQsendQuery($0, "DEALLOCATE ALL") }
        statements.removeAll()
    }

    /// Makes the connection ready for the next job, or broken.
    func reset() {
        guard !isBroken else { return }
        do throws(PostgresError) {
            switch PQtransactionStatus(handle.pointer) {
            case PQTRANS_IDLE: break
            case PQTRANS_INTRANS, PQTRANS_INERROR: _ = try exchange("ROLLBACK") { PQsendQuery($0, "ROLLBACK") }
            default: isBroken = true
            }
            if statementTimeout != configuration.statementTimeout { try setStatementTimeout(configuration.statementTimeout) }
        } catch {
            isBroken = true
        }
    }

    /// Looks whether the server has closed an idle connection, without waiting.
    func isAlive() -> Bool {
        guard !isBroken else { return false }
        // The farewell of a server that ends the session comes first, the end of the stream after it.
        for _ in 0..<Self.readsToFindTheEnd {
            var polled = pollfd(fd: PQsocket(handle.pointer), events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 0) > 0 else { break }
            guard PQconsumeInput(handle.pointer) == 1, PQstatus(handle.pointer) == CONNECTION_OK else {
                isBroken = true
                return false
            }
        }
        return true
    }

    /// Reads of an idle connection before it is taken for alive; notices may be waiting there too.
    private static let readsToFindTheEnd = 16

    private static func isStalePlan(_ error: PostgresError) -> Bool {
        error.sqlState == "26000" || (error.sqlState == "0A000" && error.message.hasPrefix("cached plan"))
    }

    /// The statement's first words: enough to find it, and no literal.
    static func operation(_ sql: String) -> String {
        sql.split(maxSplits: 3, omittingEmptySubsequences: true) { $0.isWhitespace }.prefix(3).joined(separator: " ")
    }
}

extension Duration {
    /// Rounded down; at least 1 for what is not zero, because 0 means no limit to PostgreSQL.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let whole = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        return whole == 0 && self > .zero ? 1 : whole
    }
}
