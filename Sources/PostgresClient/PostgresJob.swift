import Synchronization

/// Lets a caller take its job back while it waits.
final class PostgresTicket: Sendable {
    /// Set once, by the cancelled task.
    let isCancelled = Atomic(false)
}

/// Work for a connection, and what to tell its caller.
struct PostgresJob: Sendable {
    /// By which the caller finds the job again.
    let ticket: PostgresTicket
    /// When its wait for a connection is over.
    let deadline: ContinuousClock.Instant
    /// Runs on the connection's thread; what it returns resumes the caller, once the connection is free again.
    let run: @Sendable (PostgresConnection) -> @Sendable () -> Void
    /// Resumes the caller with an error; the job has not run.
    let fail: @Sendable (PostgresError) -> Void

    /// The caller took it back.
    func failCancelled() {
        fail(PostgresError(code: .cancelled, operation: "wait for a connection", message: "the task was cancelled"))
    }

    /// The client ended before its turn.
    func failStopped() {
        fail(PostgresError(code: .stopped, operation: "wait for a connection", message: "the client was shut down"))
    }
}
