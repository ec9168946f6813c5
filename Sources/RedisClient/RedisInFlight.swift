/// The submissions that were taken from the mailbox and wait for replies, oldest first. Confined to the I/O thread.
struct RedisInFlight {
    /// One submission.
    struct Entry {
        let waiter: RedisWaiter
        /// First and last byte position on the link, to know whether any of it was written.
        let start: Int
        let end: Int
        /// When the wait is over, on the monotonic clock.
        let deadline: ContinuousClock.Instant
    }

    /// A waiter with its replies, to be resumed outside the parser's loop.
    enum Completion {
        case single(UnsafeContinuation<Result<RedisReply, RedisFailure>, Never>, RedisReply)
        case callback(@Sendable (Result<RedisReply, RedisFailure>) -> Void, RedisReply)
        case batch(UnsafeContinuation<Result<[RedisReply], RedisFailure>, Never>, [RedisReply])

        func resume() {
            switch self {
            case .single(let continuation, let reply): continuation.resume(returning: .success(reply))
            case .callback(let callback, let reply): callback(.success(reply))
            case .batch(let continuation, let replies): continuation.resume(returning: .success(replies))
            }
        }
    }

    private var entries: [Entry] = []
    private var head = 0
    /// Replies of the oldest entry so far, when it is a batch.
    private var partial: [RedisReply] = []

    /// Whether nobody waits.
    var isEmpty: Bool { head == entries.count }
    /// When the first wait is over.
    var oldestDeadline: ContinuousClock.Instant? { isEmpty ? nil : entries[head].deadline }

    /// Adds the newest.
    mutating func append(_ entry: Entry) {
        entries.append(entry)
    }

    /// Matches the next reply; nil when a batch is not complete yet.
    /// - Throws: `protocolViolation` when nobody waits for a reply.
    mutating func match(_ reply: RedisReply) throws(RedisFailure) -> Completion? {
        guard !isEmpty else { throw RedisFailure(code: .protocolViolation, message: "a reply that nobody asked for", mayHaveRun: true) }
        switch entries[head].waiter {
        case .single(let continuation):
            removeOldest()
            return .single(continuation, reply)
        case .callback(let callback):
            removeOldest()
            return .callback(callback, reply)
        case .batch(let continuation, let count):
            if partial.isEmpty { partial.reserveCapacity(count) }
            partial.append(reply)
            guard partial.count == count else { return nil }
            removeOldest()
            defer { partial = [] }
            return .batch(continuation, partial)
        }
    }

    /// Fails everything; whatever had not reached the kernel has certainly not run. Returns how many commands that were.
    mutating func failAll(_ failure: RedisFailure, written: Int) -> Int {
        var count = 0
        for entry in entries[head...] { count += entry.waiter.count }
        for entry in entries[head...] {
            var failure = failure
            failure.mayHaveRun =
                switch entry.waiter {
                case .single, .callback: entry.end <= written
                case .batch: entry.start < written
                }
            entry.waiter.fail(failure)
        }
        entries = []
        head = 0
        partial = []
        return count
    }

    private mutating func removeOldest() {
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= Self.compactAt, head * 2 >= entries.count {
            entries.removeFirst(head)
            head = 0
        }
    }

    /// Entries that are done before the rest is moved down.
    private static let compactAt = 4_096
}
