import BookingEngine
import Domain
import Testing
import WorkerRuntime

@testable import QueueRelease

@Suite(.serialized, .enabled(if: LineOffice.broker != nil)) struct PublisherReturnTests {
    @Test func whoPublishesWithoutWaitingDoesSoAgainOnceKafkaIsBack() async throws {
        try await LineOffice.with(places: 1) { office in
            _ = try await office.engine.setQueueMode(event: office.event, mode: .fifo, actor: "test")
            _ = try await office.joined(1)
            let isSwept = try await office.eventually {
                try await office.sweep()
                return try await office.isOutboxEmpty()
            }
            #expect(isSwept)
            try await office.stack.kill(.broker)
            guard case .joined(_, let entry?) = try await office.engine.joinQueue(.init(event: office.event, user: LineOffice.id(), age: nil)) else {
                return _ = Issue.record("not joined")
            }
            #expect(await office.publisher.publish(entry) == .inOutbox)
            // Nothing is under way any more whose acknowledgement could tell.
            let last = CloudEvent(type: .queueSetMode, id: "late", subject: office.event.description, time: .now, trace: "", value: []).record
            let results = await office.producer.send([last])
            #expect(results.allSatisfy { (try? $0.get()) == nil })
            #expect(!office.publisher.isKafkaReachable)
            try await office.stack.restart(.broker)
            let isBack = try await office.eventually(within: .seconds(40)) { office.publisher.isKafkaReachable }
            #expect(isBack)
            try await office.sweep()
            #expect(try await office.eventually { try await office.isOutboxEmpty() })
            _ = try await office.joined(1)
            #expect(try await office.eventually { try await office.isOutboxEmpty() }, "what came after the return was published by itself")
        }
    }
}
