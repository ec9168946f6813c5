import KafkaClient
import KafkaTestSupport
import Testing
import Topics

@testable import WorkerRuntime

@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct WatchdogTests {
    @Test func aStuckHandlerIsCancelledAndOneThatIgnoresThatEndsTheProcess() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let gate = Down(isDown: true)
        let running = try RunningWorker.payments(
            cluster, producer, inbox: nil,
            {
                $0.handlerLimit = .milliseconds(300)
                $0.onStuck = { journal.add("stuck") }
            }
        ) { delivery in
            journal.add("\(delivery.message.text)/\(delivery.attempt)")
            if delivery.message.text == "slow", delivery.attempt == 1 { try await Task.sleep(for: .seconds(600)) }
            // Deaf to cancellation.
            while delivery.message.text == "deaf", gate.isDown { await Task.yield() }
            return .done()
        }
        _ = try await producer.send(command("slow"))
        #expect(await eventually(.seconds(20)) { journal.all.contains("slow/2") })
        #expect(!journal.all.contains("stuck"))
        _ = try await producer.send(command("deaf"))
        #expect(await eventually(.seconds(20)) { journal.all.contains("stuck") })
        gate.isDown = false
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func whateverACancelledHandlerSaysItWasStuck() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let running = try RunningWorker.payments(cluster, producer, { $0.handlerLimit = .milliseconds(200) }) { delivery in
            journal.add("\(delivery.attempt)")
            guard delivery.attempt == 1 else { return .done() }
            do {
                try await Task.sleep(for: .seconds(600))
            } catch {
                // As clients report it: taken at its word this would end the worker.
                throw KafkaError(.cancelled, operation: "send", message: "the task was cancelled")
            }
            return .done()
        }
        _ = try await producer.send(command("m"))
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 2 })
        #expect(journal.all == ["1", "2"])
        #expect(try await cluster.everything(in: .paymentRetry1).first?.headers.text("dlq_error_class") == "stuck")
        #expect(await eventually { running.worker.status.phase == .running })
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aHandlerThatDoesNotReturnDoesNotHoldUpAShutdown() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let gate = Down(isDown: true)
        let running = try RunningWorker.payments(cluster, producer, { $0.shutdownLimit = .milliseconds(300) }) { _ in
            journal.add("in")
            while gate.isDown { await Task.yield() }
            return .done()
        }
        _ = try await producer.send(command("m"))
        #expect(await eventually(.seconds(20)) { journal.all == ["in"] })
        let started = ContinuousClock.now
        try await running.stop()
        #expect(ContinuousClock.now - started < .seconds(10))
        gate.isDown = false
        // It comes again.
        #expect(try await cluster.committed("payment") == 0)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }
}
