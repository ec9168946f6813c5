import BookingEngine
import Logging
import ServiceLifecycle

/// Hands the run_id of each new connection from Redis' I/O thread to a task.
struct TrustQueue: Sendable {
    fileprivate let runIDs: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() {
        // Only the newest connection counts.
        (runIDs, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func connected(_ runID: String) { continuation.yield(runID) }
}

/// Checks after every connect whether Redis is the one that was checked.
struct TrustService: Service {
    let queue: TrustQueue
    let trust: Trust
    let logger: Logger

    func run() async throws {
        for await runID in queue.runIDs.cancelOnGracefulShutdown() {
            do {
                try await trust.check(runID: runID)
            } catch {
                // The connection is gone again; the next one comes through here too.
                logger.debug("trust was not checked", metadata: ["error": "\(error.code)"])
            }
        }
    }
}
