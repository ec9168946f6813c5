import Domain
import KafkaTestSupport
import RedisClient
import Testing

@testable import Recovery

/// `rushctl replay database` when Redis was lost as well: the topics alone give both back, and no place is sold twice.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Office.broker != nil)) struct LostStoresTests {
    private static let catalogue = """
        {"tenant": {"slug": "test", "name": "Test"}, "events": [{"slug": "test", "title": "Test", "max_tickets_per_user": 4,
         "shows": [{"zones": [{"name": "Floor", "capacity": 10, "price_minor": 1500}]}]}]}
        """

    @Test(arguments: [false, true]) func whatWasSoldIsNotSoldAgainWhenBothStoresAreLost(migratedFirst: Bool) async throws {
        try await Office.with(catalogue: Self.catalogue) { office in
            let sold = try await office.sell(4)
            let held = try await office.reserve(3)
            let dropped = try await office.reserve(2)
            try await office.cancel(dropped)
            try await office.project()
            let bookings = sold + held + dropped
            let (reported, before) = (try await office.reported(), try await office.picture(bookings))
            #expect(before.available == 3 && before.held == 3)
            #expect(before.bookings.prefix(4).allSatisfy { $0.status == .confirmed })

            try await office.dropDatabase()
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            #expect(try await !office.recovery.isTrusted())
            if migratedFirst {
                try await office.createDatabase()
                try await office.rushctl("migrate", "up")
                #expect(await eventually { (try? await office.database.query("SELECT 1")) != nil })
                // Redis made from an empty catalogue would get the places later, all of them free.
                let refused = await #expect(throws: RecoveryError.self) { _ = try await office.recover() }
                #expect(refused?.code == .incomplete)
                #expect(try await !office.recovery.isTrusted())
            }
            try await office.rushctl("replay", "database", "--catalogue", office.catalogue, "--yes")

            #expect(try await office.recovery.isTrusted())
            #expect(try await office.picture(bookings) == before)
            // The connections that the loss broke are made anew.
            #expect(await eventually { (try? await office.database.query("SELECT 1")) != nil })
            #expect(try await office.reported() == reported)
            // The places that are left are sold, and not one more.
            _ = try await office.sell(3)
            let refused = await #expect(throws: RecoveryError.self) { try await office.reserve(1) }
            #expect(refused?.message.contains("outOfStock") == true, "\(String(describing: refused))")
        }
    }
}
