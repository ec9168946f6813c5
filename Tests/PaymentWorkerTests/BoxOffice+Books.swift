import BookingEngine
import Domain
import PostgresClient
import RedisClient
import Testing
import WorkerRuntime

@testable import PaymentWorker

extension BoxOffice {
    func booking(_ order: Order) async throws -> Booking { try #require(try await engine.booking(order.booking)) }

    /// The rows of a payment.
    func saga(_ payment: PaymentID) async throws -> Saga {
        let store = PaymentStore(database: stores.database, group: "payment")
        return try #require(try await store.read(payment, for: "")).saga
    }

    func operation(_ id: OperationID) async throws -> Operation? {
        try await RefundStore(database: stores.database, group: "payment").operation(id)
    }

    func counts() async throws -> ZoneCounts { try #require(try await engine.zoneCounts([(settings.zone, shard)])[0]) }

    /// The distinct ids of a type's messages about a key that were told.
    func toldIDs(_ type: MessageType, of key: String) -> Set<String> {
        told.withLock { told in
            Set(
                told.filter { $0.key == key && $0.headers.text("ce_type") == type.rawValue }.compactMap { $0.headers.text("ce_id") })
        }
    }

    /// The values of a type's messages that were told, in order.
    func toldValues(_ type: MessageType) -> [[UInt8]] {
        told.withLock { told in told.filter { $0.headers.text("ce_type") == type.rawValue }.map { Array($0.value.utf8) } }
    }

    /// The newest state of each refund that was told.
    func toldRefunds() throws -> [RefundID: Refund] {
        Dictionary(try toldValues(.refundUpdated).map { try Refund(json: $0) }.map { ($0.id, $0) }) { $1.version > $0.version ? $1 : $0 }
    }

    /// A payment's end is the same in Redis, PostgreSQL, at the gateway and in what was told: one end, one capture at most.
    func checkEnd(
        _ order: Order, _ state: SagaState, _ status: PaymentStatus, booking: BookingStatus, captured: Int64, refunded: Int64,
        _ comment: Comment? = nil, _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let saga = try await saga(order.payment)
        #expect(saga.state == state, comment, sourceLocation: location)
        #expect(saga.payment.status == status, comment, sourceLocation: location)
        #expect(saga.capturedMinor == captured, comment, sourceLocation: location)
        #expect(saga.payment.refundedMinor == refunded, comment, sourceLocation: location)
        let standing = fake.standing(of: order.payment)
        #expect(standing.captured == captured && standing.refunded == refunded && standing.captures <= 1, comment, sourceLocation: location)
        let stands = try await self.booking(order)
        #expect(stands.status == booking, comment, sourceLocation: location)
        let shown = try #require(try await engine.payment(order.payment), sourceLocation: location)
        #expect(shown.payment.status == status && shown.token == nil, comment, sourceLocation: location)
        #expect(shown.payment.version == saga.payment.version, comment, sourceLocation: location)
        let operation = try #require(try await operation(order.operation), sourceLocation: location)
        #expect(operation.status == (state == .confirmed ? .succeeded : .failed), comment, sourceLocation: location)
        #expect(try await engine.operation(order.operation)?.status == operation.status, comment, sourceLocation: location)
        #expect(toldIDs(.operationFinished, of: order.operation.description).count == 1, comment, sourceLocation: location)
        let type = try #require(saga.payment.messageType, sourceLocation: location)
        #expect(toldIDs(type, of: order.booking.description).count == 1, comment, sourceLocation: location)
        #expect(try await counts().isConsistent, comment, sourceLocation: location)
    }

    /// Writes what the outbox says of bookings to PostgreSQL, as inventory-sync does.
    func project() async throws {
        let reply = try await stores.redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", "+"))
        for element in reply.elements ?? [] {
            guard let fields = element.elements?.last?.elements else { continue }
            let texts = fields.map { $0.text ?? "" }
            guard let type = texts.firstIndex(of: "type"), texts[type + 1].hasPrefix("booking."), let value = texts.firstIndex(of: "value") else {
                continue
            }
            let booking = try BookingEvent(json: Array(texts[value + 1].utf8)).booking
            guard booking.event == settings.event else { continue }
            _ = try await stores.database.query(
                """
                INSERT INTO bookings (id, tenant_id, event_id, show_id, zone_id, user_id, quantity, unit_price_minor, total_minor, currency, status,
                    version, expires_at, idempotency_key, body_hash, created_at, updated_at, payment_id)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now(), '', '', now(), now(), $13)
                ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, payment_id = excluded.payment_id
                WHERE bookings.version < excluded.version
                """,
                [
                    .text(booking.id.description), .text(booking.tenant.description), .text(booking.event.description),
                    .text(booking.show.description),
                    .text(booking.zone.description), .text(booking.user.description), .int(booking.quantity), .int(booking.unitPriceMinor),
                    .int(booking.totalMinor), .text(booking.currency), .text(booking.status.rawValue), .int(booking.version),
                    PostgresValue(booking.payment?.description),
                ])
        }
    }

    /// The event with its show and zone in PostgreSQL.
    func insertCatalogue(_ starts: Timestamp) async throws {
        let (settings, tenant) = (settings, settings.tenant.description)
        let values: [PostgresValue] = [.text(tenant), .text(settings.event.description)]
        _ = try await stores.database.query(
            "INSERT INTO tenants (id, slug, name) VALUES ($1, $2, 'T')", [.text(tenant), .text(tenant)])
        _ = try await stores.database.query(
            """
            INSERT INTO events (id, tenant_id, slug, title, status, sale_opens_at)
            VALUES ($2, $1, $3, 'E', 'published', to_timestamp(0))
            """, values + [.text("event-\(settings.event)")])
        _ = try await stores.database.query(
            """
            INSERT INTO shows (id, tenant_id, event_id, starts_at, ends_at, sale_closes_at)
            VALUES ($3, $1, $2, to_timestamp($4::bigint / 1000.0), to_timestamp($4::bigint / 1000.0) + interval '1 hour',
                to_timestamp($4::bigint / 1000.0))
            """, values + [.text(settings.show.description), .int(starts.ms)])
        _ = try await stores.database.query(
            """
            INSERT INTO seat_zones (id, tenant_id, event_id, show_id, name, price_minor, currency, seating, capacity, available)
            VALUES ($4, $1, $2, $3, 'A', $5, 'THB', 'general', $6::bigint, $6::bigint)
            """,
            values + [.text(settings.show.description), .text(settings.zone.description), .int(settings.priceMinor), .int(settings.capacity)])
    }
}
