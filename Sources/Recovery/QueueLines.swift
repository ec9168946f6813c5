import BookingEngine
import Domain
import KafkaClient
import Logging
import RedisClient
import Topics

/// Gives the lines back to Redis from `queue.events`: from the mark that queue-release wrote, or from the beginning where there is none.
struct QueueLines: Sendable {
    /// Records taken at a time.
    private static let batch = 5_000

    let redis: RedisClient
    let admin: KafkaAdmin
    let bootstrapServers: String
    let logger: Logger
    private var engine: BookingEngine { BookingEngine(redis: redis) }

    /// To be called when the zones are there; lines of events that have none in Redis are over.
    /// - Parameter always: from the beginning, whatever the mark says.
    /// - Returns: how many places were put back.
    @discardableResult
    func restore(always: Bool = false) async throws -> Int {
        let topic = try await admin.offsets(topic: Topic.queueEvents.name)
        let mark = always ? nil : try await mark()
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (partition, kept) in topic {
            // What lies beyond the end was on a topic that was made anew.
            let first = mark?[partition].flatMap { $0 <= kept.high ? max($0, kept.low) : nil } ?? kept.low
            if first < kept.high { ranges[KafkaTopicPartition(topic: Topic.queueEvents.name, partition: partition)] = first..<kept.high }
        }
        if ranges.isEmpty { return 0 }
        var states: [EventID: QueueState] = [:]
        var over: Set<EventID> = []
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "recovery", ranges: ranges, logger: logger)
        do {
            while let messages = try await reader.next(max: Self.batch) {
                let events = messages.compactMap { message in message.value.flatMap { try? QueueEvent(json: $0) } }
                let new = Array(Set(events.map(\.event)).subtracting(states.keys).subtracting(over))
                let exist = try await redis.pipeline(new.map { RedisCommand("EXISTS", Keys.zones($0, Shard(of: $0))) })
                for (event, reply) in zip(new, exist) {
                    if reply.int == 1 { states[event] = QueueState() } else { over.insert(event) }
                }
                for event in events { states[event.event]?.take(event) }
            }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
        var restored = 0
        for (event, state) in states { restored += try await engine.restoreQueue(event, state) }
        return restored
    }

    /// Per partition, where every shard has one.
    private func mark() async throws -> [Int32: Int64]? {
        let replies = try await redis.pipeline(Shard.all.map { RedisCommand("GET", Keys.queueMark($0)) })
        let marks = replies.compactMap { $0.text.flatMap(Mark.init) }
        return marks.count == Shard.count ? Mark.lowest(marks) : nil
    }
}
