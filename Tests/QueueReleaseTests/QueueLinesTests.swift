import BookingEngine
import Domain
import KafkaClient
import RedisClient
import Testing
import Topics

@testable import Recovery

@Suite(.serialized, .enabled(if: LineOffice.broker != nil)) struct QueueLinesTests {
    @Test func aLineThatRedisLostComesBackFromItsTopic() async throws {
        try await LineOffice.with(places: 30) { office in
            _ = try await office.engine.setQueueMode(event: office.event, mode: .fifo, actor: "test")
            let users = try await office.joined(400)
            for entry in try await office.engine.admit([office.event])[0].get().told { office.publisher.publishWithoutWaiting([entry]) }
            _ = try await office.engine.leaveQueue(event: office.event, user: users[100])
            try await office.sweep()
            #expect(try await office.eventually { try await office.isOutboxEmpty() })
            let before = try await office.engine.queueEntries(event: office.event, users: users)
            let line = try await office.engine.queueLine(office.event)
            let kept = [Keys.zone(office.zone, office.shard), Keys.zones(office.event, office.shard)]
            for key in (try await office.redis.send(RedisCommand("KEYS", "*")).elements ?? []).compactMap(\.text) where !kept.contains(key) {
                _ = try await office.redis.send(RedisCommand("DEL", key))
            }
            #expect(try await office.engine.queueLine(office.event) == nil)
            let lines = QueueLines(
                redis: office.redis, admin: office.admin, bootstrapServers: office.stack.endpoints.kafkaBootstrapServers, logger: office.logger)
            #expect(try await lines.restore() == 400)
            let after = try await office.engine.queueEntries(event: office.event, users: users)
            for (one, other) in zip(before, after) {
                #expect(
                    one?.id == other?.id && one?.status == other?.status && one?.position == other?.position
                        && one?.passExpiresAt == other?.passExpiresAt)
            }
            let again = try await office.engine.queueLine(office.event)
            #expect(again?.mode == line?.mode && again?.waiting == line?.waiting && again?.admitted == 30 && again?.version == line?.version)
            // Once more, and from a mark at the end: nothing is new.
            #expect(try await lines.restore() == 0)
            _ = try await office.redis.pipeline(Shard.all.map { RedisCommand("SET", Keys.trusted($0), office.redis.serverRunID ?? "") })
            let ends = try await office.admin.offsets(topic: Topic.queueEvents.name).mapValues(\.high)
            #expect(try await office.engine.writeQueueMarks(Shard.all, ends))
            _ = try await office.redis.send(RedisCommand("DEL", Keys.queue(office.event, office.shard)))
            #expect(try await lines.restore() == 0)
            #expect(try await office.engine.queueLine(office.event) == nil, "nothing before the mark was read")
            #expect(try await lines.restore(always: true) == 0)
            #expect(try await office.engine.queueLine(office.event)?.mode == .fifo)
        }
    }
}
