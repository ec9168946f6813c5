import BookingEngine
import Domain
import KafkaClient
import RedisClient
import Testing
import Topics
import WorkerRuntime

@testable import QueueRelease

@Suite(.serialized, .enabled(if: LineOffice.broker != nil)) struct QueueRoundsTests {
    @Test func aCopyThatStopsHandsTheLineToTheNextWhichGoesOnWhereItWas() async throws {
        try await LineOffice.with(places: 250) { office in
            _ = try await office.engine.setQueueMode(event: office.event, mode: .fifo, actor: "test")
            let users = try await office.joined(300)
            let first = office.copy("first")
            #expect(try await office.eventually { try await office.count(.admitted, of: users) >= 100 })
            first.cancel()
            await first.value
            let second = office.copy("second")
            let third = office.copy("third")
            #expect(try await office.eventually { try await office.count(.admitted, of: users) == 250 })
            #expect(try await office.count(.waiting, of: users) == 50)
            #expect(try await office.engine.queueEntries(event: office.event, users: Array(users[..<250])).allSatisfy { $0?.status == .admitted })
            second.cancel()
            third.cancel()
            try await office.sweep()
            #expect(try await office.eventually { try await office.isOutboxEmpty() }, "all was told on the topic")
        }
    }

    @Test func aCommandSwitchesTheLineOnceAndEndsItsOperation() async throws {
        try await LineOffice.with(places: 1) { office in
            let handler = ModeHandler(engine: office.engine, publisher: office.publisher)
            func command(_ mode: QueueMode, event: EventID) -> (QueueModeCommand, Delivery) {
                let command = QueueModeCommand(
                    operation: .make(nowMs: BookingEngine.wallClockMs(), shard: Shard(of: event)), event: event, mode: mode, user: LineOffice.id(),
                    tenant: office.tenant)
                let record = CloudEvent(
                    type: .queueSetMode, id: "\(command.operation)", subject: event.description, time: .now, trace: "", value: command.json
                ).record
                return (
                    command,
                    Delivery(
                        KafkaMessage(
                            topic: record.topic, partition: 0, offset: 0, key: record.key, value: record.value, headers: record.headers,
                            timestampMs: 0))
                )
            }
            let (fifo, delivery) = command(.fifo, event: office.event)
            #expect(delivery.message.topic == Topic.queueCommands.name)
            for _ in 0..<2 {
                guard case .done(let told) = try await handler.handle(delivery) else {
                    Issue.record("not done")
                    return
                }
                #expect(told.map(\.topic) == [Topic.operationEvents.name] && told[0].value.contains(#""status":"succeeded""#))
            }
            let line = try await office.engine.queueLine(office.event)
            #expect(line?.mode == .fifo && line?.origin == .operator && line?.actor == fifo.user.description && line?.version == 1)
            let (_, unknown) = command(.random, event: LineOffice.id())
            guard case .done(let told) = try await handler.handle(unknown) else {
                Issue.record("not done")
                return
            }
            #expect(told[0].value.contains(#""error_code":"NOT_FOUND""#))
            let broken = Delivery(KafkaMessage(topic: "queue.commands", partition: 0, offset: 0, key: nil, value: [1], headers: [], timestampMs: 0))
            await #expect(throws: Failure.self) { _ = try await handler.handle(broken) }
        }
    }
}
