/// Which SQL texts a connection has prepared, and under which names. Confined to the connection's thread.
struct PostgresStatementCache {
    private var entries: [String: (name: String, usedAt: UInt64)] = [:]
    private var clock: UInt64 = 0
    private let limit: Int
    /// The server's plans do not fit its tables any more; drop them all before the next use.
    var isStale = false

    /// An empty cache for `limit` statements.
    init(limit: Int) {
        self.limit = limit
    }

    /// The statement's name, if it is prepared; it counts as a use.
    mutating func name(of sql: String) -> String? {
        guard let index = entries.index(forKey: sql) else { return nil }
        clock += 1
        entries.values[index].usedAt = clock
        return entries.values[index].name
    }

    /// A name that this connection has not used yet.
    mutating func nextName() -> String {
        clock += 1
        return "s\(clock)"
    }

    /// Notes that the server has prepared it.
    mutating func insert(_ sql: String, _ name: String) {
        entries[sql] = (name, clock)
    }

    /// The name of the statement unused longest, when there is no room for another.
    mutating func removeOldestIfFull() -> String? {
        guard entries.count >= limit, let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt }) else { return nil }
        entries[oldest.key] = nil
        return oldest.value.name
    }

    /// Forgets everything, as the server has.
    mutating func removeAll() {
        entries.removeAll()
        isStale = false
    }
}
