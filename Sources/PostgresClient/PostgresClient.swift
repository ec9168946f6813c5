import Glibc
public import Logging
import Synchronization
import Threads

/// A pool of connections to PostgreSQL, each with a thread of its own on which jobs run synchronously.
///
/// - While no connection can be made, calls fail at once with `notConnected`; the threads reconnect by themselves.
/// - A job waits for a connection `checkoutTimeout` at most, among `maxWaiting` jobs at most; cancelling its task takes it back. A job that
///   runs is not interrupted: `statementTimeout` bounds each of its statements.
public final class PostgresClient: Sendable {
    /// As given.
    public let configuration: PostgresConfiguration
    private let logger: Logger
    private let pool: PostgresPool
    private let threads = Mutex<[OwnedThread]>([])

    /// A client that is not connected yet; see ``start()``.
    public init(configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        pool = PostgresPool(configuration: configuration)
    }

    deinit {
        // Without a shutdown the threads still end, but nobody can join them.
        pool.stop()
    }

    /// Starts the threads and returns; calls may be made at once. A second start does nothing.
    /// - Throws: ``PostgresError`` with code `system` when there is no thread or descriptor left, `stopped` after a shutdown.
    public func start() throws(PostgresError) {
        guard pool.isUsable else { throw PostgresError(code: .system, operation: "start", message: "no descriptor left for the wake-up events") }
        let count = configuration.poolSize + 1
        let first = pool.state.withLock { state -> Bool? in
            switch state.phase {
            case .idle:
                state.phase = .running
                state.runningThreads = count
                return true
            case .running: return false
            case .stopping, .stopped: return nil
            }
        }
        guard let first else { throw PostgresError(code: .stopped, operation: "start", message: "the client was shut down") }
        guard first else { return }
        var started: [OwnedThread] = []
        do {
            for index in 0..<configuration.poolSize {
                started.append(
                    try OwnedThread(name: "postgres-\(index)") { [pool, logger] in PostgresWorker(index: index, pool: pool, logger: logger).run() })
            }
            started.append(try OwnedThread(name: "postgres-watch") { [pool] in PostgresWatch(pool: pool).run() })
        } catch {
            pool.stop()
            for _ in started.count..<count { pool.threadEnded() }
            for thread in started { thread.join() }
            throw PostgresError(code: .system, operation: "start", message: "cannot start the threads", underlying: error)
        }
        threads.withLock { $0 = started }
    }

    /// Refuses new jobs, fails the waiting ones, lets the running ones finish, closes the connections and joins the threads.
    public func shutdown() async {
        pool.stop()
        await pool.ended()
        let ended = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in ended { thread.join() }
    }

    /// Runs the body on a connection's thread, where it may block.
    /// - Throws: ``PostgresError``; an error of the body that is of another type is `jobFailed` with it as `underlying`.
    public func withConnection<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws(PostgresError) -> Value {
        let ticket = PostgresTicket()
        let deadline = ContinuousClock.now + configuration.checkoutTimeout
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Result<Value, PostgresError>, Never>) in
                pool.submit(
                    PostgresJob(ticket: ticket, deadline: deadline) { connection in
                        let result = Result { try body(connection) }.mapError { PostgresError.wrapping($0, operation: "job") }
                        return { continuation.resume(returning: result) }
                    } fail: { error in
                        continuation.resume(returning: .failure(error))
                    })
            }
        } onCancel: {
            pool.cancel(ticket)
        }
        return try result.get()
    }

    /// Runs the body between BEGIN and COMMIT; an error of the body rolls back. After a serialization failure or a deadlock the whole body is
    /// run again, ``transactionAttempts`` times at most, so it must have no effect but on the connection.
    /// - Throws: ``PostgresError``; `commitUnknown` when the connection broke during COMMIT.
    public func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws(PostgresError) -> Value {
        try await withConnection { connection in
            var attempt = 1
            while true {
                do throws(PostgresError) {
                    return try connection.transaction(body)
                } catch {
                    guard connection.hasConflict, !connection.isBroken, attempt < Self.transactionAttempts else { throw error }
                }
                // The thread is the connection's own, so it may sleep; the jitter parts those who collided.
                usleep(UInt32.random(in: 1_000...10_000) * UInt32(attempt))
                attempt += 1
            }
        }
    }

    /// Runs one statement on any connection, outside a transaction block.
    public func query(_ sql: String, _ parameters: [PostgresValue] = []) async throws(PostgresError) -> PostgresRows {
        try await withConnection { connection in try connection.query(sql, parameters) }
    }

    /// How often ``transaction(_:)`` runs a body that meets conflicts.
    public static let transactionAttempts = 5

    /// What the pool is doing now.
    public var status: PostgresPoolStatus {
        pool.state.withLock { state in
            PostgresPoolStatus(connected: state.connected, idle: state.idle.count, waiting: state.queue.count)
        }
    }
}

/// A moment's view of the pool, for gauges.
public struct PostgresPoolStatus: Sendable, Equatable {
    /// Live connections.
    public let connected: Int
    /// Live connections without a job.
    public let idle: Int
    /// Jobs that wait for a connection.
    public let waiting: Int
    /// Connections with a job.
    public var active: Int { connected - idle }
}
