import Foundation
import LocalStack
import RedisClient
import Testing

/// The expiry worker recovers by itself, and the ingress is ready only then.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Office.broker != nil)) struct ServiceTests {
    private func isReady(_ office: Office) async -> Bool {
        (try? await HTTPProbe(port: office.stack.endpoints.httpPort).get("/ready"))?.status == 200
    }

    private func wait(_ what: String, _ office: Office, until isDone: () async -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(30)
        while await !isDone() {
            if ContinuousClock.now > limit {
                Issue.record("in vain: \(what)\n\(await office.stack.logTail(of: .worker("expiry")).suffix(2_000))")
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test func theWorkerRecoversAndTheIngressWaitsForIt() async throws {
        try await Office.with { office in
            try await office.stack.startWorker("expiry")
            try await office.stack.startIngress()
            #expect(try await office.recovery.isTrusted())
            _ = try await office.engine.setZone(try await office.settings)
            let bookings = try await office.reserve(10)
            let before = try await office.picture(bookings)

            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            let flushed = ContinuousClock.now
            try await wait("trusted after FLUSHALL", office) { (try? await office.recovery.isTrusted()) == true }
            print("trusted \(ContinuousClock.now - flushed) after FLUSHALL")
            #expect(try await office.picture(bookings) == before)
            try await wait("ready after FLUSHALL", office) { await isReady(office) }

            try await office.stack.kill(.redis)
            try await wait("not ready without Redis", office) { await !isReady(office) }
            try await office.stack.restart(.redis)
            let restarted = ContinuousClock.now
            try await office.reconnected()
            try await wait("trusted after a restart", office) { (try? await office.recovery.isTrusted()) == true }
            print("trusted \(ContinuousClock.now - restarted) after a restart")
            try await wait("ready after a restart", office) { await isReady(office) }
            #expect(try await office.picture(bookings).bookings == before.bookings)

            try await office.stack.kill(.redis)
            try await office.stack.eraseData(of: .redis)
            try await office.stack.restart(.redis)
            try await office.reconnected()
            try await wait("trusted when it was empty", office) { (try? await office.recovery.isTrusted()) == true }
            #expect(try await office.picture(bookings).bookings == before.bookings)
            try await wait("ready when it was empty", office) { await isReady(office) }
        }
    }
}
