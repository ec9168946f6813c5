import Synchronization
import Threads

/// An HTTP/1.1 and SMTP client over libcurl's multi interface: one I/O thread, a pool of keep-alive connections.
///
/// Redirects are not followed, answers are not decompressed, and nothing is sent twice, but for one case of libcurl's own: a request on a kept connection
/// that the peer closed before any byte of an answer goes out once more on a new one. What must not be doubled needs an idempotency key.
public final class CurlClient: Sendable {
    /// As given.
    public let configuration: CurlConfiguration
    private let mailbox: CurlMailbox?
    private let multi: CurlMulti?
    private let thread = Mutex<OwnedThread?>(nil)

    /// A client that takes no request yet; see ``start()``.
    public init(configuration: CurlConfiguration = CurlConfiguration()) {
        self.configuration = configuration
        multi = CurlMulti()
        mailbox = multi.map { CurlMailbox(multi: $0, maxPending: configuration.maxPending) }
    }

    deinit {
        // Without a shutdown the thread still ends, but nobody can join it.
        mailbox?.stop()
    }

    /// Starts the I/O thread and returns. A second start does nothing.
    /// - Throws: ``CurlError`` with code `system` when there is no thread or memory left, `stopped` after a shutdown.
    public func start() throws(CurlError) {
        guard let mailbox, let multi else { throw CurlError(code: .system, operation: "start", message: "libcurl has no memory") }
        guard let first = mailbox.open() else { throw CurlError(code: .stopped, operation: "start", message: "the client was shut down") }
        guard first else { return }
        do {
            let started = try OwnedThread(name: "curl-io") { [configuration] in
                var loop = CurlLoop(configuration: configuration, multi: multi, mailbox: mailbox)
                loop.run()
            }
            thread.withLock { $0 = started }
        } catch {
            for transfer in mailbox.finish() { transfer.fail(.stopped, "the I/O thread could not be started") }
            throw CurlError(code: .system, operation: "start", message: "cannot start the I/O thread", underlying: error)
        }
    }

    /// Refuses new requests, lets those in flight finish (`drainTimeout` at most), closes the connections and joins the thread.
    public func shutdown() async {
        guard let mailbox else { return }
        mailbox.stop()
        await mailbox.finished()
        let ended = thread.withLock { $0.take() }
        ended?.join()
    }

    /// Sends a request and waits for the whole answer.
    /// - Throws: ``CurlError``; ``CurlError/mayHaveBeenSent`` says whether a repeat is free of doubt. A cancelled task gets `cancelled` at once.
    public func send(_ request: HTTPRequest) async throws(CurlError) -> HTTPResponse {
        guard let mailbox else { throw CurlError(code: .system, operation: request.method.rawValue, message: "libcurl has no memory") }
        guard Self.isSendable(request) else {
            throw CurlError(code: .invalidRequest, operation: request.method.rawValue, message: "a control character in the URL or a header")
        }
        return try await perform(.http(request), timeout: request.timeout, mailbox)
    }

    /// Gives a mail to a server and waits until it has it.
    ///
    /// Returns when the server has answered the whole mail with 250. A connection that was kept and turns out to be dead before the server can have the
    /// mail is replaced once.
    /// - Throws: ``CurlError``, with ``CurlError/reply``; where ``CurlError/mayHaveBeenSent`` is true the server may have the mail all the same.
    public func send(_ message: SMTPMessage, to server: SMTPServer) async throws(CurlError) {
        guard let mailbox else { throw CurlError(code: .system, operation: "MAIL", message: "libcurl has no memory") }
        guard message.isSendable else {
            throw CurlError(code: .invalidRequest, operation: "MAIL", message: "an address is not one, or a line of the mail does not end with CR LF")
        }
        do throws(CurlError) {
            _ = try await perform(.mail(message, server), timeout: message.timeout, mailbox)
        } catch {
            guard error.code == .connectionLost, !error.mayHaveBeenSent else { throw error }
            _ = try await perform(.mail(message, server), timeout: message.timeout, mailbox)
        }
    }

    private func perform(_ job: CurlJob, timeout: Duration?, _ mailbox: CurlMailbox) async throws(CurlError) -> HTTPResponse {
        let deadline = ContinuousClock.now + (timeout ?? configuration.timeout)
        let slot = CancellationSlot()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let transfer = CurlTransfer(
                    job: job, deadline: deadline, maxBodyBytes: configuration.maxResponseBytes, continuation: continuation)
                mailbox.submit(transfer)
                if slot.put(transfer) { mailbox.cancel(transfer) }
            }
        } onCancel: {
            if let transfer = slot.cancel() { mailbox.cancel(transfer) }
        }
        return try result.get()
    }

    /// Requests waiting or in flight.
    public var pending: Int { mailbox?.pending ?? 0 }

    private static func isSendable(_ request: HTTPRequest) -> Bool {
        func isClean(_ text: String) -> Bool { text.utf8.allSatisfy { ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7f } }
        return isClean(request.url) && request.headers.allSatisfy { isClean($0.name) && isClean($0.value) && !$0.name.isEmpty }
    }

    /// Brings a cancellation and the transfer together, whichever comes first.
    private final class CancellationSlot: Sendable {
        private struct State {
            var transfer: CurlTransfer?
            var isCancelled = false
        }
        private let state = Mutex(State())

        /// Whether the cancellation came before.
        func put(_ transfer: CurlTransfer) -> Bool {
            state.withLock { state in
                state.transfer = transfer
                return state.isCancelled
            }
        }

        func cancel() -> CurlTransfer? {
            state.withLock { state in
                state.isCancelled = true
                return state.transfer
            }
        }
    }
}
