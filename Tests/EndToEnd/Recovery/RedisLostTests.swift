import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Redis restarts, forgets, or comes back as it was long ago: until it was recovered nothing is decided, and then nothing is lost.
    @Suite struct RedisLost {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private var data: String { "\(installation.stack.configuration.directory)/data/redis" }

        /// Bookings in every state that lasts.
        private struct Before {
            let zone: Event.Zone
            let held: [(client: Client, held: Client.Held)]
            let cancelled: (client: Client, held: Client.Held)
        }

        private func load() async throws -> Before {
            let zone = try await installation.seed(EventPlan(.general("Floor", 20))).zone
            let clients = try await installation.clients(6)
            var held: [(Client, Client.Held)] = []
            for client in clients { held.append((client, try await client.hold(zone))) }
            let last = held.removeLast()
            #expect(try await last.0.cancel(last.1.id).status == 202)
            #expect(try await last.0.ending(of: last.1.id) == "cancelled")
            return Before(zone: zone, held: held, cancelled: last)
        }

        /// What must be true once Redis is trusted again.
        private func check(_ before: Before, _ what: String, since start: ContinuousClock.Instant) async throws {
            let client = try await installation.client()
            try await waitUntil("reserves are taken after \(what)", limit: .seconds(30)) {
                let answer = try await client.reserve(before.zone)
                if answer.status == 503 { #expect(answer.header("Retry-After") != nil) } else { #expect(answer.status == 202) }
                return answer.status == 202
            }
            report("reserves are taken \((ContinuousClock.now - start).inMs) ms after \(what)")
            for (client, held) in before.held {
                try await waitUntil("the booking is there", limit: .seconds(10)) {
                    try await client.booking(held.id).json["data"]["status"].string == "reserved"
                }
            }
            #expect(try await before.cancelled.client.booking(before.cancelled.held.id).json["data"]["status"].string == "cancelled")
            #expect(try await installation.available(before.zone) == 14)
            // The hold is as alive as before: it can be cancelled, and gives its seat back.
            let (owner, held) = before.held[0]
            try await waitUntil("a cancel is taken", limit: .seconds(10)) { try await owner.cancel(held.id).status == 202 }
            #expect(try await owner.ending(of: held.id) == "cancelled")
            let verdict = try await installation.checkInventory()
            #expect(verdict.holds, "\(verdict.report)")
        }

        @Test func aKilledRedisIsTrustedAgainAtOnce() async throws {
            let before = try await load()
            try await installation.stack.kill(.redis)
            try await installation.stack.restart(.redis)
            try await check(before, "a restart that lost nothing", since: .now)
        }

        @Test func aFlushedRedisGetsEverythingBack() async throws {
            let before = try await load()
            let port = installation.stack.endpoints.redisURL.split(separator: ":").last.map { $0.prefix(while: \.isNumber) } ?? ""
            let output = try await Command.run("/usr/bin/redis-cli", ["-p", "\(port)", "FLUSHALL"], environment: [:], limit: .seconds(10))
            #expect(output.status == 0)
            try await check(before, "FLUSHALL", since: .now)
        }

        @Test func anEmptyRedisGetsEverythingBack() async throws {
            let before = try await load()
            try await installation.stack.kill(.redis)
            try await installation.stack.eraseData(of: .redis)
            try await installation.stack.restart(.redis)
            try await check(before, "an empty instance", since: .now)
        }

        @Test func anOldFileThatIsPutBackIsBroughtUpToDate() async throws {
            let old = "\(data).old"
            try await installation.stack.kill(.redis)
            try FileManager.default.copyItem(atPath: data, toPath: old)
            try await installation.stack.restart(.redis)
            let client = try await installation.client()
            let zone = try await installation.seed(EventPlan(.general("Before", 5))).zone
            try await waitUntil("reserves are taken", limit: .seconds(30)) { try await client.reserve(zone).status == 202 }
            // The zone is as new as the bookings: the old file knows neither.
            let before = try await load()
            try await installation.stack.kill(.redis)
            try FileManager.default.removeItem(atPath: data)
            try FileManager.default.moveItem(atPath: old, toPath: data)
            try await installation.stack.restart(.redis)
            try await check(before, "an old file", since: .now)
        }
    }
}
