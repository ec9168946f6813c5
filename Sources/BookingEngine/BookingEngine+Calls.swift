import Domain
import LuaScripts
import RedisClient

extension BookingEngine {
    /// How long the next connection is waited for when one broke under a call; beyond it the caller is told.
    private static let reconnection: Duration = .milliseconds(500)

    /// Runs one script many times in one write; when the connection was lost before the replies, once more on the next one.
    func evaluate(_ script: RedisScript, _ calls: [RedisScriptCall]) async throws(EngineError) -> [RedisReply] {
        if calls.isEmpty { return [] }
        try requireTrust(script.name)
        do {
            return try await redis.evaluate(script, calls: calls)
        } catch let error where error.code == .connectionLost {
            await nextConnection()
            try requireTrust(script.name)
            do {
                return try await redis.evaluate(script, calls: calls)
            } catch {
                throw .redis(script.name, error)
            }
        } catch {
            throw .redis(script.name, error)
        }
    }

    /// The same of one call.
    func ask(_ script: RedisScript, _ call: RedisScriptCall) async throws(EngineError) -> RedisReply { try await evaluate(script, [call])[0] }

    private func requireTrust(_ operation: String) throws(EngineError) {
        if let trust, !trust.isTrusted { throw .untrusted(operation) }
    }

    /// To be called when something is not there: nothing follows from that in a Redis which has forgotten it.
    /// - Throws: ``EngineError/Code/untrusted`` when that may be so.
    func requireMemory(_ operation: String) async throws(EngineError) {
        guard let trust else { return }
        if await !trust.look() { throw .untrusted(operation) }
    }

    /// The same for the replies of transitions.
    func requireMemory(_ operation: String, of replies: [RedisReply]) async throws(EngineError) {
        if replies.contains(where: { ["missing", "zone_missing"].contains($0.elements?.first?.text) }) { try await requireMemory(operation) }
    }

    private func nextConnection() async {
        let limit = ContinuousClock.now + Self.reconnection
        while !redis.isConnected, ContinuousClock.now < limit, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(10)) }
    }

    /// A script's reply: its outcome, and what follows it.
    static func outcome(_ operation: String, _ reply: RedisReply) throws(EngineError) -> (name: String, parts: [RedisReply]) {
        let elements: [RedisReply]?
        do {
            elements = try reply.get(operation: operation).elements
        } catch {
            throw .redis(operation, error)
        }
        guard let elements, let name = elements.first?.text else { throw .unexpected(operation, reply) }
        return (name, Array(elements.dropFirst()))
    }

    /// The event that a script wrote, from the last three parts of its reply: version, entry id, value.
    static func entry(_ type: MessageType, _ parts: ArraySlice<RedisReply>, of booking: BookingID, _ shard: Shard, _ trace: String) -> OutboxEntry? {
        let parts = Array(parts)
        guard parts.count == 3, let version = parts[0].text, let id = parts[1].text, let value = parts[2].bytes else { return nil }
        return OutboxEntry(id: id, shard: shard, type: type, key: booking.description, version: version, trace: trace, value: value)
    }

    func pipeline(_ operation: String, _ commands: [RedisCommand]) async throws(EngineError) -> [RedisReply] {
        try requireTrust(operation)
        do {
            return try await redis.pipeline(commands)
        } catch {
            throw .redis(operation, error)
        }
    }
}

extension Result where Failure == EngineError {
    /// What `body` returns, or why it could not.
    init(of body: () throws(EngineError) -> Success) {
        do {
            self = .success(try body())
        } catch {
            self = .failure(error)
        }
    }
}
