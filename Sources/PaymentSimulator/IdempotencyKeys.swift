/// The answers to requests with an idempotency key, for a day; the oldest are forgotten when there are too many.
struct IdempotencyKeys {
    private struct Stored {
        let hash: Int64
        let answer: Answer
        let atMs: Int64
    }

    private var answers: [String: Stored] = [:]
    /// In the order stored; the first ``start`` are gone.
    private var order: [String] = []
    private var start = 0

    /// Nil when the key is new, or forgotten.
    func answer(_ key: String, nowMs: Int64) -> (hash: Int64, answer: Answer)? {
        guard let stored = answers[key], nowMs - stored.atMs < SimulatorLimits.keyLifeMs else { return nil }
        return (stored.hash, stored.answer)
    }

    /// Keeps an answer.
    mutating func store(_ key: JournalEntry.Key, _ answer: Answer, nowMs: Int64) {
        if answers.updateValue(Stored(hash: key.hash, answer: answer, atMs: nowMs), forKey: key.text) == nil { order.append(key.text) }
        while start < order.count, let oldest = answers[order[start]],
            answers.count > SimulatorLimits.maxKeys || nowMs - oldest.atMs >= SimulatorLimits.keyLifeMs
        {
            answers[order[start]] = nil
            start += 1
        }
        guard start > 10_000, start * 2 > order.count else { return }
        order.removeFirst(start)
        start = 0
    }
}
