public import BookingEngine
import Domain
import KafkaClient
import Logging
import LuaScripts
import RedisClient
public import ServiceLifecycle
import Topics

/// Looks after each recovery for events that were on their way when Redis was lost, however late they come: each takes its seats, or ends its booking.
///
/// Of many processes one does it, by a lease; how far it is stands in Redis, so that another goes on where it died. Before the first recovery there
/// is nothing to look for, and nothing is read.
public struct LateEvents: Service {
    /// How long the lease outlives its holder.
    static let lease: Duration = .seconds(5)
    /// How often it is looked whether there is anything to do.
    static let interval: Duration = .seconds(1)
    /// Events looked at a time.
    private static let batch = 1_000
    /// How long ago a booking must have ended for nothing older of it to be on its way any more: far longer than any producer of ours keeps a message.
    private static let settled: Duration = .seconds(3_600)

    private let recovery: Recovery
    private let trust: Trust

    public init(recovery: Recovery, trust: Trust) {
        self.recovery = recovery
        self.trust = trust
    }

    public func run() async throws {
        let leases = Leases(purpose: "late", owner: recovery.owner, length: Self.lease, redis: recovery.redis)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await look(leases)
                } catch {
                    recovery.logger.debug("late events were not looked for", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
        await leases.release()
    }

    private func isMine(_ leases: Leases) async throws -> Bool {
        guard trust.isTrusted, !Task.isCancelled else { return false }
        return try await !leases.take([Shard.all[0]]).isEmpty
    }

    private func stored() async throws -> String? { try await recovery.redis.send(RedisCommand("GET", LatePosition.key)).text }

    /// Reads for as long as this process is the one to do it.
    func look(_ leases: Leases) async throws {
        guard try await stored() != nil, try await isMine(leases) else { return }
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: recovery.bootstrapServers, clientID: "recovery-late"), logger: recovery.logger
        )
        do {
            try await read(consumer, leases)
            await consumer.close()
        } catch {
            await consumer.close()
            throw error
        }
    }

    private func read(_ consumer: KafkaConsumer, _ leases: Leases) async throws {
        var text = ""
        var position = LatePosition(epoch: 0, offsets: [:])
        while try await isMine(leases) {
            guard let now = try await stored() else { return }
            if now != text {
                // A new recovery, or another process was faster.
                guard let found = LatePosition(now) else { throw RecoveryError(.unreadable, "the position of late events cannot be read") }
                (text, position) = (now, found)
                try await assign(consumer, &position)
            }
            let messages = try await consumer.next(max: Self.batch, wait: .milliseconds(500)).messages
            if messages.isEmpty { continue }
            try await absorb(messages, before: position.epoch)
            for message in messages { position.offsets[message.partition] = message.offset + 1 }
            // What was judged by an older epoch does not count; then the next turn reads it once more.
            let reply = try await recovery.redis.evaluate(
                LuaScript.advanceLate, keys: [LatePosition.key], arguments: [.string(text), .string(position.text)])
            if reply.int == 1 { text = position.text }
        }
    }

    private func assign(_ consumer: KafkaConsumer, _ position: inout LatePosition) async throws {
        var starts: [KafkaTopicPartition: KafkaOffset] = [:]
        for (partition, kept) in try await recovery.admin.offsets(topic: Topic.bookingEvents.name) {
            // What lies beyond the end was on a topic that was made anew.
            let next = position.offsets[partition].flatMap { $0 <= kept.high ? max($0, kept.low) : nil } ?? kept.low
            position.offsets[partition] = next
            starts[KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: partition)] = .at(next)
        }
        try await consumer.assign(starts)
    }

    /// Puts back what is late of it.
    private func absorb(_ messages: [KafkaMessage], before epoch: Int64) async throws {
        let settled = BookingEngine.wallClockMs() - Self.settled.inMilliseconds
        let old = messages.compactMap { message -> BookingState? in
            guard Self.version(message).map({ $0 / 1_000_000 < epoch }) ?? true, let value = message.value,
                let event = try? BookingEvent(json: value), event.booking.version / 1_000_000 < epoch,
                event.booking.status.isLive || event.booking.updatedAt.ms > settled
            else { return nil }
            return BookingState(event)
        }
        if old.isEmpty { return }
        // A booking that went on since and was then forgotten on purpose must not begin anew.
        let reported = try await ReportedBookings(database: recovery.database).versions(of: old.map(\.booking.id))
        let late = old.filter { reported[$0.booking.id] ?? 0 <= $0.booking.version }
        let result = try await recovery.engine.restore(late, tells: true)
        recovery.publish(result.told)
        for (booking, reason) in result.failed.prefix(10) {
            recovery.logger.error("a late event was not put back", metadata: ["booking.id": "\(booking)", "reason": "\(reason)"])
        }
        // What a store refused for now is read again; what fits no zone would be refused for ever.
        if result.failed.contains(where: { !$0.reason.contains("not in its zone") }) {
            throw RecoveryError(.incomplete, "\(result.failed.count) late events could not be put back")
        }
        guard result.restored > 0 else { return }
        recovery.logger.warning(
            "events of before the recovery came after it",
            metadata: ["events": "\(late.count)", "restored": "\(result.restored)", "lost": "\(result.lost.count)"])
    }

    /// The booking's version, which is in the middle of an event's id.
    private static func version(_ message: KafkaMessage) -> Int64? {
        let parts = message.headers.text("ce_id")?.split(separator: "/")
        return parts?.count == 3 ? parts.flatMap { Int64($0[1]) } : nil
    }
}
