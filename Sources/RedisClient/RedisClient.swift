public import Logging
import Synchronization
import Threads

/// A client for one Redis server: one connection, one I/O thread, commands of all tasks pipelined over it.
///
/// - While there is no connection, calls fail at once with `notConnected`; only the first connection is waited for, `connectTimeout` at most.
/// - When a connection breaks, everything in flight fails with `connectionLost` (or `timeout`), and the thread reconnects by itself.
///   ``RedisError/mayHaveRun`` says whether a repeat is free of doubt.
/// - A task that is cancelled still waits for its reply, `commandTimeout` at most.
public final class RedisClient: Sendable {
    /// As given.
    public let configuration: RedisConfiguration
    private let scripts: [RedisScript]
    private let logger: Logger
    private let onConnect: (@Sendable (_ runID: String) -> Void)?
    private let mailbox: RedisMailbox
    private let thread = Mutex<OwnedThread?>(nil)

    /// A client that is not connected yet; see ``start()``.
    /// - Parameters:
    ///   - scripts: loaded on each connect, so that a restarted Redis knows them before the first call.
    ///   - onConnect: called on the I/O thread after each connect, before any caller gets a reply; it must not block.
    public init(
        configuration: RedisConfiguration, logger: Logger, scripts: [RedisScript] = [],
        onConnect: (@Sendable (_ runID: String) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.logger = logger
        self.scripts = scripts
        self.onConnect = onConnect
        mailbox = RedisMailbox(maxPending: configuration.maxPending, maxPendingBytes: configuration.maxPendingBytes)
    }

    deinit {
        // Without a shutdown the thread still ends, but nobody can join it.
        mailbox.stop()
    }

    /// Starts the I/O thread and returns; calls may be made at once. A second start does nothing.
    /// - Throws: ``RedisError`` with code `system` when there is no thread or descriptor left, `stopped` after a shutdown.
    public func start() throws(RedisError) {
        guard mailbox.wakeFD >= 0 else { throw RedisError(code: .system, operation: "start", message: "no descriptor left for the wake-up event") }
        let first = mailbox.state.withLock { state -> Bool? in
            switch state.phase {
            case .idle:
                state.phase = .connectingFirst
                return true
            case .connectingFirst, .connected, .disconnected: return false
            case .stopping, .stopped: return nil
            }
        }
        guard let first else { throw RedisError(code: .stopped, operation: "start", message: "the client was shut down") }
        guard first else { return }
        do {
            let started = try OwnedThread(name: "redis-io") { [configuration, scripts, logger, onConnect, mailbox] in
                var loop = RedisLoop(configuration: configuration, scripts: scripts, logger: logger, onConnect: onConnect, mailbox: mailbox)
                loop.run()
            }
            thread.withLock { $0 = started }
        } catch {
            mailbox.finish()
            throw RedisError(code: .system, operation: "start", message: "cannot start the I/O thread", underlying: error)
        }
    }

    /// Refuses new commands, lets those in flight finish (`commandTimeout` at most), closes the connection and joins the thread.
    public func shutdown() async {
        mailbox.stop()
        await mailbox.ended()
        let ended = thread.withLock { thread -> OwnedThread? in
            defer { thread = nil }
            return thread
        }
        ended?.join()
    }

    /// Sends one command.
    /// - Throws: ``RedisError``; an error reply is thrown with code `server`.
    public func send(_ command: RedisCommand) async throws(RedisError) -> RedisReply {
        let result = await withUnsafeContinuation { continuation in mailbox.submit(command, .single(continuation)) }
        switch result {
        case .success(.error(let message)): throw RedisError.server(message, operation: command.name)
        case .success(let reply): return reply
        case .failure(let failure): throw failure.error(operation: command.name)
        }
    }

    /// Sends one command without a task.
    /// - Parameter then: called once, with an error reply as a failure: on the I/O thread, or on the caller's when the command is refused. It must not block.
    func send(_ command: RedisCommand, then: @escaping @Sendable (Result<RedisReply, RedisError>) -> Void) {
        mailbox.submit(
            command,
            .callback { result in
                switch result {
                case .success(.error(let message)): then(.failure(RedisError.server(message, operation: command.name)))
                case .success(let reply): then(.success(reply))
                case .failure(let failure): then(.failure(failure.error(operation: command.name)))
                }
            })
    }

    /// Sends commands in one write and returns their replies in order; an error reply stays in the array as `.error`.
    ///
    /// Other callers' commands do not come between them, but it is not a transaction. The array counts in full against `maxPending`.
    public func pipeline(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisReply] {
        guard let first = commands.first else { return [] }
        let result = await withUnsafeContinuation { continuation in mailbox.submit(commands, continuation) }
        switch result {
        case .success(let replies): return replies
        case .failure(let failure): throw failure.error(operation: "pipeline of \(first.name)")
        }
    }

    /// Whether a call made now would be sent.
    public var isConnected: Bool {
        mailbox.state.withLock { state in
            if case .connected = state.phase { true } else { false }
        }
    }

    /// The run id of the server last connected to; a new one means that it restarted, or is another server. Nil before the first connect.
    public var serverRunID: String? { mailbox.state.withLock { $0.serverRunID } }

    /// Commands queued or in flight.
    public var pending: Int { mailbox.state.withLock { $0.pending } }
}
