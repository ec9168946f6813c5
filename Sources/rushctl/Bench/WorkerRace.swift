import Foundation
import LocalStack
import PostgresClient

/// Starts one copy of a worker on a filled topic and measures how fast its effects come.
struct WorkerRace {
    let installation: Installation
    let worker: String
    /// A query for how much is done, as `done`.
    let done: String
    let total: Int64

    /// - Returns: messages a second, from the first effect that was seen to the last.
    func run() async throws -> Double {
        Output.progress("  \(worker)")
        return try await Connections.database(installation.settings) { database in
            try await installation.stack.startWorker(worker)
            let deadline = ContinuousClock.now + .seconds(300)
            var first: (at: ContinuousClock.Instant, done: Int64)?
            var told = ContinuousClock.now
            while true {
                let now = ContinuousClock.now
                let count = try await database.query(done, [])[0].int64("done")
                if first == nil, count > 0 { first = (now, count) }
                if count >= total, let first {
                    await installation.stack.stop(.worker(worker))
                    // Done at the first look: then from the start, which is too long and never too short.
                    return Double(count - first.done) / max(0.001, (now - first.at) / .seconds(1))
                }
                if now - told > .seconds(2) {
                    Output.progress("    \(count) of \(total)")
                    told = now
                }
                guard now < deadline else { throw Failure(description: "\(worker) has done \(count) of \(total) within 300 s") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
