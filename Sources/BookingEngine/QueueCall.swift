import Domain
import RedisClient

/// What all calls of the line's scripts have in common (`lua/scripts/queue.lua`).
struct QueueCall {
    let event: EventID
    let shard: Shard
    let trace: String

    init(_ event: EventID, trace: String = "") {
        self.event = event
        shard = Shard(of: event)
        self.trace = trace
    }

    func with(_ arguments: RedisArgument...) -> RedisScriptCall { with(arguments) }

    func with(_ arguments: [RedisArgument]) -> RedisScriptCall {
        RedisScriptCall(
            keys: [Keys.queue(event, shard)],
            arguments: [.int(Int64(shard.number)), .string(event.description), .string(trace)] + arguments)
    }

    /// What a draw would begin from, 128 bits that nobody can foresee.
    static func seed() -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdef".utf8)
        let words: [UInt64] = [generator.next(), generator.next()]
        return String(decoding: words.flatMap { word in (0..<16).map { digits[Int(word >> UInt64(60 - 4 * $0) & 15)] } }, as: UTF8.self)
    }

    /// Reads a view: id, status, position (0: none), estimated wait (s, -1: none), joined, updated, pass' end (0: none), now; all times in ms.
    func entry(_ reply: RedisReply, _ user: UserID) -> QueueEntry? {
        guard let parts = reply.elements, parts.count == 8, let id = parts[0].text.flatMap({ QueueEntryID($0) }),
            let status = parts[1].text.flatMap(QueueEntry.Status.init(rawValue:))
        else { return nil }
        let numbers = parts[2...].compactMap(\.int)
        guard numbers.count == 6 else { return nil }
        return QueueEntry(
            id: id, event: event, user: user, status: status, position: numbers[0] == 0 ? nil : numbers[0],
            estimatedWaitSeconds: numbers[1] < 0 ? nil : numbers[1], joinedAt: Timestamp(ms: numbers[2]), updatedAt: Timestamp(ms: numbers[3]),
            passExpiresAt: numbers[4] == 0 ? nil : Timestamp(ms: numbers[4]), viewedAt: Timestamp(ms: numbers[5]))
    }

    /// Reads an event that a script wrote: entry id, type, version, value.
    func told(_ reply: RedisReply) -> OutboxEntry? {
        guard let parts = reply.elements, parts.count == 4, let id = parts[0].text, let type = parts[1].text.flatMap(MessageType.init(rawValue:)),
            let version = parts[2].text, let value = parts[3].bytes
        else { return nil }
        return OutboxEntry(id: id, shard: shard, type: type, key: event.description, version: version, trace: trace, value: value)
    }
}
