public import Domain
import LuaScripts
import RedisClient

extension BookingEngine {
    /// Switches an event's line. People in a line that is switched off are told in the next rounds.
    /// - Parameter actor: a user's id or the name of a process.
    public func setQueueMode(
        event: EventID, mode: QueueMode, origin: QueueModeOrigin = .operator, actor: String, trace: String = ""
    ) async throws(EngineError) -> QueueModeOutcome {
        let call = QueueCall(event, trace: trace)
        let reply = try await ask(LuaScript.setQueueMode, call.with(.string(mode.rawValue), .string(origin.rawValue), .string(actor)))
        let (name, parts) = try Self.outcome("set queue mode", reply)
        switch name {
        case "changed":
            guard let told = parts.first.flatMap({ call.told($0) }), case .line(let line)? = try? QueueEvent(json: told.value) else { break }
            return .changed(line, told)
        case "unchanged": return .unchanged
        case "unknown":
            try await requireMemory("set queue mode")
            return .eventUnknown
        default: break
        }
        throw .unexpected("set queue mode", reply)
    }

    /// Tells how many reserves came in the last second, by event; each ingress does, once a second.
    public func reportArrivals(_ counts: [EventID: Int]) async throws(EngineError) {
        let calls = counts.filter { $0.value >= Self.fewestArrivals }.map { QueueCall($0.key).with(.int(Int64($0.value))) }
        for reply in try await evaluate(LuaScript.reportArrivals, calls) {
            do { _ = try reply.get(operation: "report arrivals") } catch { throw .redis("report arrivals", error) }
        }
    }

    /// Reserves of one event in a second that are not worth telling.
    private static let fewestArrivals = 10

    /// The events of some shards that have a line, or may need one.
    public func lines(_ shards: [Shard]) async throws(EngineError) -> [EventID] {
        let replies = try await pipeline("lines", shards.map { RedisCommand("SMEMBERS", Keys.queues($0)) })
        return replies.flatMap { ($0.elements ?? []).compactMap { $0.text.flatMap { EventID($0) } } }
    }

    /// Writes how far this Redis knows queue.events, for a recovery to begin from; while it is not trusted it says nothing.
    /// - Parameter ends: per partition, an offset up to which everything came from a script that Redis has run.
    /// - Returns: whether all shards have it.
    public func writeQueueMarks(_ shards: [Shard], _ ends: [Int32: Int64]) async throws(EngineError) -> Bool {
        let text = "{" + ends.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
        let replies = try await evaluate(
            LuaScript.writeMark, shards.map { RedisScriptCall(keys: [Keys.trusted($0), Keys.queueMark($0)], arguments: [.string(text)]) })
        return replies.allSatisfy { $0.int == 1 }
    }

    /// Does one round of each event's line: passes that ran out lapse, the order is drawn when the sale opens, people are admitted to what places are
    /// free, or told that there are none and never will be; the automatic mode is switched. All in one write to Redis; each event is decided for itself.
    ///
    /// Whoever calls it, and however often: nobody is admitted twice, nor more than ``QueueLimits/batch`` in a second, nor more than the free places.
    public func admit(_ events: [EventID]) async throws(EngineError) -> [Result<AdmitReport, EngineError>] {
        let replies = try await evaluate(
            LuaScript.admitBatch,
            events.map { event in
                QueueCall(event).with(
                    .int(queueLimits.batch), .string(QueueCall.seed()), .int(queueLimits.pass.inMilliseconds), .int(limits.outboxLimit),
                    .int(queueLimits.automaticRate), .int(queueLimits.automaticOffAfter.inMilliseconds))
            })
        return zip(events, replies).map { event, reply in Result { () throws(EngineError) in try Self.report(QueueCall(event), reply) } }
    }

    private static func report(_ call: QueueCall, _ reply: RedisReply) throws(EngineError) -> AdmitReport {
        let (name, parts) = try outcome("admit", reply)
        let numbers = parts.prefix(4).compactMap(\.int)
        guard numbers.count == 4, parts.count == 5, let told = parts[4].elements else { throw .unexpected("admit", reply) }
        var report = AdmitReport()
        report.admitted = numbers[0]
        report.waiting = numbers[1]
        report.passes = numbers[2]
        report.next = .milliseconds(numbers[3])
        report.hasMore = name == "more"
        report.isOver = name == "over"
        report.isOutboxFull = name == "outbox_full"
        report.told = told.compactMap { call.told($0) }
        guard report.told.count == told.count else { throw .unexpected("admit", reply) }
        return report
    }
}
