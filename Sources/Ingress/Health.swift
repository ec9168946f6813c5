import BookingEngine
import Domain
import Hummingbird
import NIOCore
import PostgresClient
import RedisClient
import Telemetry

/// Whether the process lives, and whether it can serve (SPEC: 503 only without Redis, or without Kafka once the outbox is full).
struct Health: Sendable {
    let redis: RedisClient
    let database: PostgresClient
    let publisher: OutboxPublisher
    let tail: EventTail
    let engine: BookingEngine
    let trust: Trust

    func readiness() async -> Readiness {
        let isRedisUp = (try? await redis.send(RedisCommand("PING"))) != nil
        let isDatabaseUp = (try? await database.query("SELECT 1", [])) != nil
        let isKafkaUp = publisher.isKafkaReachable
        var isOutboxFull = false
        if isRedisUp && !isKafkaUp { isOutboxFull = await outboxIsFull() }
        return Readiness(
            isReady: isRedisUp && trust.isTrusted && tail.isPositioned && !isOutboxFull,
            dependencies: [
                .init("redis", isRedisUp ? .up : .down), .init("trust", trust.isTrusted ? .up : .down), .init("kafka", isKafkaUp ? .up : .down),
                .init("postgresql", isDatabaseUp ? .up : .down),
                .init("event_tail", tail.isPositioned ? .up : .down), .init("outbox", isOutboxFull ? .down : .up),
            ])
    }

    func alive(_ request: Request, _ context: IngressContext) async throws -> Response {
        json(.ok, "{\"status\":\"ok\"}")
    }

    func ready(_ request: Request, _ context: IngressContext) async throws -> Response {
        let readiness = await readiness()
        return json(readiness.isReady ? .ok : .serviceUnavailable, readiness.json)
    }

    private func outboxIsFull() async -> Bool {
        guard let lengths = try? await redis.pipeline(Shard.all.map { RedisCommand("XLEN", Keys.outbox($0)) }) else { return false }
        return lengths.contains { ($0.int ?? 0) >= engine.limits.outboxLimit }
    }

    private func json(_ status: HTTPResponse.Status, _ text: String) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        if status == .serviceUnavailable { headers[.retryAfter] = "1" }
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
