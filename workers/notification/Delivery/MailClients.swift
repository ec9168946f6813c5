import CurlClient
import Synchronization

/// Shares mails out among clients that take one at a time each: while libcurl waits for a server's answer to a mail's content it serves no other transfer of
/// its client (`smtp_done` of libcurl 7.88 reads the answer in a blocking loop).
final class MailClients: Sendable {
    private let clients: [CurlClient]
    /// Mails that each has been chosen for and is not done with.
    private let inHand: Mutex<[Int]>

    /// - Parameter clients: one at least.
    init(_ clients: [CurlClient]) {
        self.clients = clients
        inHand = Mutex(Array(repeating: 0, count: clients.count))
    }

    /// Hands a mail to the client that has least to do. What two callers are told at once is not the same client while another is idle.
    func send(_ message: SMTPMessage, to server: SMTPServer) async throws(CurlError) {
        let index = take()
        defer { inHand.withLock { $0[index] -= 1 } }
        try await clients[index].send(message, to: server)
    }

    /// Chooses a client; also one that gave a mail up has something to do until libcurl lets go of it.
    private func take() -> Int {
        inHand.withLock { counts in
            let load = counts.indices.map { max(counts[$0], clients[$0].pending) }
            let index = load.indices.min { load[$0] < load[$1] } ?? 0
            counts[index] += 1
            return index
        }
    }
}
