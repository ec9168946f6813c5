import DatabaseTestSupport
import Domain
import KafkaClient
import KafkaTestSupport
import PostgresClient
import Projections
import Testing

@testable import Replays

/// Refunds, vouchers and cancelled events, from `refund.events`.
@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: TestCluster.brokerBinary != nil))
struct RefundRebuildTests {
    private let actor = AuditActor.operator("test")
    private let at = Timestamp(ms: 1_700_000_000_123)

    /// The states of a refund, one after the other.
    private func life(_ number: Int, of payment: PaymentID = Bench.id(), cause: RefundCause = .requested) -> [Refund] {
        let ids = (0..<3).map { UUIDBits(high: 7, low: UInt64(number * 10 + $0)) }
        var states = [
            Refund(
                id: Bench.id(), payment: payment, booking: Bench.id(), event: Identifier(ids[0]), user: Identifier(ids[1]),
                tenant: Identifier(ids[2]), cause: cause, percent: 50, amountMinor: 500, currency: "THB",
                status: cause == .requested ? .requested : .processing, operation: cause == .requested ? Bench.id() : nil,
                voucherMinor: cause == .requested ? nil : 50, requestedAt: at, createdAt: at, updatedAt: at)
        ]
        let later = Timestamp(ms: at.ms + 1_000)
        if cause == .requested {
            var decided = states[0].stepped(to: number % 4 == 0 ? .rejected : .processing, at: later)
            decided.decidedBy = Identifier(ids[1])
            decided.operation = Bench.id()
            states.append(decided)
            if decided.status == .rejected { return states }
        }
        guard number % 4 != 1, let last = states.last else { return states }
        var end = last.stepped(to: number % 4 == 2 ? .failed : .succeeded, at: later)
        if end.status == .failed { end.errorCode = "gateway_refused" } else { end.gatewayID = "re_\(number)" }
        return states + [end]
    }

    private func cancelled(_ number: Int, isDone: Bool) -> [CancelledEvent] {
        let cancellation = EventCancellation(
            operation: Bench.id(), event: Identifier(UUIDBits(high: 9, low: UInt64(number))), user: Identifier(UUIDBits(high: 9, low: 1)),
            tenant: Identifier(UUIDBits(high: 9, low: 2)))
        func state(_ isDone: Bool, _ step: Int64) -> CancelledEvent {
            CancelledEvent(
                cancellation: cancellation, isDone: isDone, released: 3, refunds: step, updatedAt: Timestamp(ms: at.ms + step))
        }
        return [state(false, 1), state(isDone, 2)]
    }

    /// Payments to refund.
    private func pay(_ refunds: [[Refund]], _ database: PostgresClient) async throws {
        for refund in refunds.compactMap(\.first) {
            _ = try await database.query(
                """
                INSERT INTO payments (id, tenant_id, booking_id, event_id, user_id, method, amount_minor, currency, status, version, intent_id,
                    captured_minor, created_at, updated_at)
                VALUES ($1, $2, $3, $4, $5, 'card', 1000, 'THB', 'success', 3, $6, 1000, now(), now()) ON CONFLICT DO NOTHING
                """,
                [
                    .text("\(refund.payment)"), .text("\(refund.tenant)"), .text("\(refund.booking)"), .text("\(refund.event)"),
                    .text("\(refund.user)"), .text("pi_\(refund.payment)"),
                ])
        }
    }

    /// Writes rows, one transaction each, as the worker does.
    private func write(_ items: [RefundProjection.Item], _ database: PostgresClient) async throws {
        for item in items { try await database.transaction { try RefundProjection(schema: "public").write([item], to: $0) } }
    }

    private func tell(_ bench: Bench, _ items: [RefundProjection.Item]) async throws {
        try await bench.send(
            items.map { item in
                switch item {
                case .refund(let refund):
                    bench.record(
                        "refund.events", key: "\(refund.booking)", type: "refund.updated.v1", String(decoding: refund.json, as: UTF8.self))
                case .cancelled(let event):
                    bench.record(
                        "refund.events", key: "\(event.cancellation.event)", type: "event.cancelled.v1",
                        String(decoding: event.json, as: UTF8.self))
                }
            })
    }

    private static let refunds = """
        id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status, version, gateway_id, operation_id,
        decided_by, error_code, error_message, requested_at, created_at, updated_at
        """

    @Test func aLostDatabaseHasItsRefundsVouchersAndCancelledEventsAgain() async throws {
        try await Bench.with { bench in
            var lives = (0..<20).map { life($0) } + (20..<30).map { life($0, cause: .eventCancelled) }
            // Two of one payment: the second takes the place of the first, which was not decided.
            let asked = Array(life(41).prefix(1))
            var overruled = asked[0].stepped(to: .rejected, at: at)
            overruled.errorCode = "event_cancelled"
            lives.append(asked + [overruled])
            lives.append(life(43, of: asked[0].payment, cause: .eventCancelled))
            let events = [cancelled(1, isDone: true), cancelled(2, isDone: false)]
            try await pay(lives, bench.database)
            let items = lives.flatMap { $0.map(RefundProjection.Item.refund) } + events.flatMap { $0.map(RefundProjection.Item.cancelled) }
            try await write(items, bench.database)
            try await tell(bench, items)
            try await tell(bench, items)

            let (fresh, _) = try await TestDatabase.fresh()
            try await pay(lives, fresh)
            _ = try await fresh.withConnection { connection in
                try connection.execute(
                    script: """
                        INSERT INTO tenants (id, slug, name) VALUES ('\(events[0][0].cancellation.tenant)', 't', 'T');
                        INSERT INTO events (id, tenant_id, slug, title, status, sale_opens_at)
                            SELECT '\(events[0][0].cancellation.event)', id, 'e', 'E', 'published', now() FROM tenants;
                        """)
            }
            let report = try await bench.desk(on: fresh).run(.rebuild(.refunds), actor: actor)
            #expect(report.tables?.map(\.table) == ["refunds", "vouchers", "event_cancellations"] && report.leftOut == 0)
            #expect(report.tables?.map(\.newRows) == [32, 11, 2])
            #expect(try await bench.rows("refunds", fresh, columns: Self.refunds) == bench.rows("refunds", columns: Self.refunds))
            #expect(try await bench.rows("vouchers", fresh) == bench.rows("vouchers"))
            let under = try await fresh.query("SELECT count(*) AS awake FROM refunds WHERE wake_at <= now() AND status = 'processing'")
            #expect(try under.one().int("awake") == lives.count { $0.last?.status == .processing })
            // What was done is gone through once more, since the catalogue may have opened its sale again.
            let open = try await fresh.query("SELECT count(*) AS open FROM event_cancellations WHERE status = 'running' AND wake_at <= now()")
            #expect(try open.one().int("open") == 2)
            #expect(try await fresh.query("SELECT status FROM events").one().string("status") == "cancelled")
            await fresh.shutdown()
        }
    }

    @Test func whatNoEventTellsOfYetIsKept() async throws {
        try await Bench.with { bench in
            let lives = (0..<8).map { life($0, cause: $0 % 2 == 0 ? .requested : .eventCancelled) }
            let events = [cancelled(1, isDone: true), cancelled(2, isDone: false)]
            let items = lives.flatMap { $0.map(RefundProjection.Item.refund) } + events.flatMap { $0.map(RefundProjection.Item.cancelled) }
            try await pay(lives, bench.database)
            try await write(items, bench.database)
            // Neither the last state of one refund, nor anything of another, nor the last pass of a cancellation has been told.
            try await tell(bench, lives.dropFirst(2).flatMap { $0.map(RefundProjection.Item.refund) } + [.refund(lives[0][0])])
            try await tell(bench, [.cancelled(events[0][0]), .cancelled(events[0][1]), .cancelled(events[1][0])])
            let (refunds, vouchers) = (try await bench.rows("refunds", columns: Self.refunds), try await bench.rows("vouchers"))
            let shape = try await bench.shape("refunds")
            let report = try await bench.desk().run(.rebuild(.refunds), actor: actor)
            #expect(report.tables?.allSatisfy(\.isEqual) == true, "\(report)")
            #expect(report.tables?.map(\.carried) == [2, 1, 1])
            #expect(try await bench.rows("refunds", columns: Self.refunds) == refunds)
            #expect(try await bench.rows("vouchers") == vouchers)
            #expect(try await bench.shape("refunds") == shape)
            let done = try await bench.database.query("SELECT status FROM event_cancellations ORDER BY event_id")
            #expect(try done.map { try $0.string("status") } == ["done", "running"])
        }
    }
}
