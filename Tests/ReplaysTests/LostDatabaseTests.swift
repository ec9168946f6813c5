import DatabaseTestSupport
import Domain
import KafkaClient
import KafkaTestSupport
import PostgresClient
import Testing

@testable import Replays

/// Payments and operations, and everything at once for a database that has only its catalogue.
@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: TestCluster.brokerBinary != nil))
struct LostDatabaseTests {
    private let actor = AuditActor.operator("test")

    private func payment(_ number: Int) -> Payment {
        let ids = (0..<3).map { UUIDBits(high: 7, low: UInt64(number * 10 + $0)) }
        return Payment(
            id: Bench.id(), booking: Bench.id(), event: Identifier(ids[0]), user: Identifier(ids[1]), tenant: Identifier(ids[2]), method: .card,
            amountMinor: 1_000, currency: "THB", createdAt: Timestamp(ms: 1_700_000_000_123), updatedAt: Timestamp(ms: 1_700_000_000_123))
    }

    /// The states that the worker writes one after the other; each but the first is told of.
    private func life(_ number: Int) -> [Payment] {
        let at = Timestamp(ms: 1_700_000_001_987)
        var states = [payment(number)]
        var processing = states[0].stepped(to: .processing, at: at)
        processing.intent = "pi_\(number)"
        if number % 2 == 0 { processing.operation = Bench.id() }
        states.append(processing)
        var paid = processing
        paid.capturedMinor = 1_000
        switch number % 5 {
        case 0: states.append(processing.stepped(to: .failed, errorCode: "declined", errorMessage: "No.", at: at))
        case 1: states.append(paid.stepped(to: .success, at: at))
        case 2:
            states.append(paid.stepped(to: .success, at: at))
            states.append(states[2].stepped(to: .partiallyRefunded, refundedMinor: 500, at: at))
        case 3: states.append(paid.stepped(to: .refunded, errorCode: "paid_too_late", errorMessage: "Late.", refundedMinor: 1_000, at: at))
        default: break
        }
        return states
    }

    private func insert(_ payments: [Payment], _ database: PostgresClient) async throws {
        try await database.withConnection { connection in
            for payment in payments {
                _ = try connection.query(
                    """
                    INSERT INTO payments (id, tenant_id, booking_id, event_id, user_id, method, amount_minor, currency, status, version, intent_id,
                        captured_minor, refunded_minor, error_code, error_message, created_at, updated_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, to_timestamp($16::bigint / 1000.0),
                        to_timestamp($17::bigint / 1000.0))
                    """,
                    [
                        .text("\(payment.id)"), .text("\(payment.tenant)"), .text("\(payment.booking)"), .text("\(payment.event)"),
                        .text("\(payment.user)"), .text(payment.method.rawValue), .int(payment.amountMinor), .text(payment.currency),
                        .text(payment.status.rawValue), .int(payment.version), PostgresValue(payment.intent), .int(payment.capturedMinor),
                        .int(payment.refundedMinor), PostgresValue(payment.errorCode), PostgresValue(payment.errorMessage),
                        .int(payment.createdAt.ms), .int(payment.updatedAt.ms),
                    ])
                let isFinal = !payment.status.isOpen
                _ = try connection.query(
                    "INSERT INTO saga_instances (id, tenant_id, booking_id, state, operation_id, deadline_at) VALUES ($1, $2, $3, $4, $5, now())",
                    [
                        .text("\(payment.id)"), .text("\(payment.tenant)"), .text("\(payment.booking)"),
                        .text(!isFinal ? "reserved" : payment.status.isPaid && payment.errorCode == nil ? "confirmed" : "failed"),
                        PostgresValue(payment.operation?.description),
                    ])
            }
        }
    }

    private func tell(_ bench: Bench, _ payments: [Payment]) async throws {
        try await bench.send(
            payments.compactMap { payment in
                payment.messageType.map {
                    bench.record("payment.events", key: "\(payment.booking)", type: $0.rawValue, String(decoding: payment.json, as: UTF8.self))
                }
            })
    }

    private func operation(_ number: Int) -> Operation {
        Operation(
            id: Bench.id(), user: Identifier(UUIDBits(high: 1, low: UInt64(number))), type: "booking.cancel", resource: "/api/v1/bookings/\(number)"
        )
        .finished(error: number % 2 == 0 ? nil : (.invalidState, "No."))
    }

    private func tell(_ bench: Bench, _ operations: [Operation]) async throws {
        let tenant = TenantID(UUIDBits(high: 1, low: 2))
        try await bench.send(
            operations.map {
                bench.record(
                    "operation.events", key: "\($0.id)", type: "operation.finished.v1", String(decoding: $0.eventJSON(tenant: tenant), as: UTF8.self))
            })
    }

    private func insert(_ operations: [Operation], _ database: PostgresClient) async throws {
        for operation in operations {
            _ = try await database.query(
                """
                INSERT INTO operations (id, tenant_id, user_id, type, resource, status, version, error_code, error_message)
                VALUES ($1, '00000000-0000-0001-0000-000000000002', $2, $3, $4, $5, $6, $7, $8)
                """,
                [
                    .text("\(operation.id)"), .text("\(operation.user)"), .text(operation.type), .text(operation.resource),
                    .text(operation.status.rawValue), .int(operation.version), PostgresValue(operation.errorCode?.rawValue),
                    PostgresValue(operation.errorMessage),
                ])
        }
    }

    @Test func paymentsAreMadeAgainAndWhatNoEventTellsOfIsKept() async throws {
        try await Bench.with { bench in
            let lives = (0..<40).map(life)
            try await insert(lives.compactMap(\.last), bench.database)
            for step in 1..<4 { try await tell(bench, lives.filter { $0.count > step }.map { $0[step] }) }
            // One waits for its first event, one has moved on without a word.
            let pending = payment(90)
            let silent = life(91)
            var moved = silent[1]
            moved.capturedMinor = 1_000
            try await insert([pending, moved], bench.database)
            try await tell(bench, [silent[1]])
            _ = try await bench.database.query(
                """
                INSERT INTO refunds (id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status, version, requested_at)
                SELECT gen_random_uuid(), tenant_id, id, booking_id, event_id, user_id, 'requested', 50, 500, 'THB', 'succeeded', 2, now()
                FROM payments WHERE status = 'partially_refunded'
                """)
            let (rows, sagas, refunds) = (try await bench.rows("payments"), try await bench.rows("saga_instances"), try await bench.rows("refunds"))
            let (shape, others) = (try await bench.shape("payments"), try await bench.shape("saga_instances"))
            #expect(shape.contains { $0.contains("refunds_payment_id_fkey") })
            let report = try await bench.desk().run(.rebuild(.payments), actor: actor)
            #expect(report.tables?.first?.isEqual == true)
            #expect(report.tables?.first?.carried == 2)
            #expect(try await bench.rows("payments") == rows)
            #expect(try await bench.rows("saga_instances") == sagas)
            #expect(try await bench.rows("refunds") == refunds)
            #expect(try await bench.shape("payments") == shape)
            #expect(try await bench.shape("saga_instances") == others)
            let orphan = await #expect(throws: PostgresError.self) {
                try await bench.database.query("DELETE FROM payments WHERE status = 'partially_refunded'")
            }
            #expect(orphan?.sqlState == "23503")
        }
    }

    @Test func aLostDatabaseComesBackRowByRow() async throws {
        try await Bench.with { bench in
            try await bench.fill(300)
            try await bench.project()
            let lives = (0..<40).map(life)
            try await insert(lives.compactMap(\.last), bench.database)
            for step in 1..<4 { try await tell(bench, lives.filter { $0.count > step }.map { $0[step] }) }
            let operations = (0..<30).map(operation)
            try await insert(operations, bench.database)
            try await tell(bench, operations)

            let (fresh, _) = try await TestDatabase.fresh()
            try await bench.seed(fresh)
            for projection in [ProjectionName.bookings, .payments, .refunds, .operations] {
                let report = try await bench.desk(on: fresh).run(.rebuild(projection), actor: actor)
                #expect(report.tables?.allSatisfy(\.keepsAll) == true)
                #expect(report.tables?.first?.oldRows == 0)
            }
            let columns = "id, tenant_id, user_id, type, resource, status, version, error_code, error_message"
            for (table, columns) in [
                ("bookings", "*"), ("payments", "*"), ("operations", columns), ("seat_zones", "id, available, held, sold, counts_version"),
                ("saga_instances", "id, tenant_id, booking_id, operation_id, state"),
            ] {
                #expect(try await bench.rows(table, fresh, columns: columns) == bench.rows(table, columns: columns), "\(table)")
            }
            let noted = try await fresh.query(
                "SELECT sum(next_offset)::bigint AS sum FROM projection_offsets WHERE consumer_group = 'inventory-sync'")
            #expect(try noted.one().int("sum") == 600)
            // The clock takes on what was open, and nothing else.
            let awake = try await fresh.query("SELECT count(*) AS awake FROM saga_instances WHERE wake_at IS NOT NULL").one().int("awake")
            #expect(awake == lives.count { $0.count == 2 })
            // Once more changes nothing, and says so.
            for projection in [ProjectionName.bookings, .payments, .refunds, .operations] {
                let again = try await bench.desk(on: fresh).run(.rebuild(projection), actor: actor)
                #expect(again.tables?.allSatisfy(\.isEqual) == true)
            }
            await fresh.shutdown()
        }
    }

    @Test func operationsKeepTheTimesTheyHave() async throws {
        try await Bench.with { bench in
            let operations = (0..<20).map(operation)
            try await insert(operations, bench.database)
            try await tell(bench, Array(operations.dropLast(3)))
            let rows = try await bench.rows("operations")
            let report = try await bench.desk().run(.rebuild(.operations), actor: actor)
            // The last three were written, and their events are still to come.
            #expect(report.tables?.first?.isEqual == true && report.tables?.first?.carried == 3)
            #expect(try await bench.rows("operations") == rows)
        }
    }
}
