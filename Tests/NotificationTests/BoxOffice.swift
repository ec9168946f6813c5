import BookingEngine
import CurlClient
import DatabaseTestSupport
import Domain
import Foundation
import KafkaClient
import Logging
import PersonalData
import PostgresClient
import Settings
import Synchronization
import Telemetry
import Tickets
import WorkerRuntime

@testable import NotificationWorker

/// A worker without its topics: a real database with an event and people, and a real mail server.
final class BoxOffice: Sendable {
    let database: PostgresClient
    let post: PostOffice
    let keys: PersonalDataKeys
    let signer: TicketSigner
    let mail: [CurlClient]
    let webhooks: CurlClient
    let event: EventID = BoxOffice.id()
    let show: ShowID = BoxOffice.id()
    let zone: ZoneID = BoxOffice.id()
    let numbered: ZoneID = BoxOffice.id()
    let tenant: TenantID = BoxOffice.id()
    let seats: [SeatID] = [BoxOffice.id(), BoxOffice.id()]
    let starts: Timestamp
    /// What the settings are, over the test's own.
    let settings: [String: String]
    /// At which checkpoint the worker dies.
    let crashesAt = Mutex<String?>(nil)
    let clock = Mutex<Int64>(WallClock.nowMs())

    struct Crash: Error {}

    static let pii = "a master key for the tests, at least 32 bytes"
    static let ticketSecret = "a-ticket-secret-for-the-tests-of-32-bytes"
    static let webhookSecret = "a webhook secret for the tests, 32 bytes at least"

    init(_ settings: [String: String] = [:], startsIn: Int64 = 30 * 86_400_000, post: PostOffice? = nil) async throws {
        let (client, url) = try await TestDatabase.fresh()
        database = client
        if let post { self.post = post } else { self.post = try await PostOffice() }
        keys = try PersonalDataKeys(masterKey: Self.pii)
        signer = try TicketSigner(secrets: [Self.ticketSecret])
        starts = Timestamp(ms: (WallClock.nowMs() + startsIn) / 1000 * 1000)
        self.settings = [
            "DATABASE_URL": url, "PII_KEY": Self.pii, "TICKET_SECRET": Self.ticketSecret, "PUBLIC_URL": "http://rush.example/",
            "SMTP_URL": "smtp://localhost:\(self.post.port)", "SMTP_TLS": "none", "MAIL_FROM": "Booking Rush <tickets@rush.example>",
        ].merging(settings) { $1 }
        let configuration = try NotificationConfiguration(Settings(self.settings))
        mail = (0..<configuration.mailConnections).map { _ in CurlClient(configuration: configuration.mail) }
        webhooks = CurlClient(configuration: configuration.webhooks)
        for client in mail { try client.start() }
        try webhooks.start()
        try await open()
    }

    func close() async {
        for client in mail { await client.shutdown() }
        await webhooks.shutdown()
        await database.shutdown()
        post.close()
    }

    /// Does something with a box office, and closes it.
    static func with(_ settings: [String: String] = [:], startsIn: Int64 = 30 * 86_400_000, _ body: (BoxOffice) async throws -> Void) async throws {
        let office = try await BoxOffice(settings, startsIn: startsIn)
        do {
            try await body(office)
        } catch {
            await office.close()
            throw error
        }
        await office.close()
    }

    static func id<Kind>() -> Identifier<Kind> { Identifier(.version7(nowMs: WallClock.nowMs(), shard: Shard(truncating: 3))) }

    private func open() async throws {
        let seats = seats
        let statements: [(String, [PostgresValue])] = [
            ("INSERT INTO tenants (id, slug, name) VALUES ($1::uuid, 't', 'T')", [.text(tenant.description)]),
            (
                "INSERT INTO venues (id, tenant_id, name, city, country, time_zone) VALUES ($1::uuid, $1::uuid, 'Riverside <Hall>', 'Bangkok', 'TH', 'Asia/Bangkok')",
                [.text(tenant.description)]
            ),
            (
                """
                INSERT INTO events (id, tenant_id, venue_id, slug, title, status, sale_opens_at)
                VALUES ($1::uuid, $2::uuid, $2::uuid, 'e', 'Midnight & Rush', 'published', now())
                """, [.text(event.description), .text(tenant.description)]
            ),
            (
                """
                INSERT INTO shows (id, tenant_id, event_id, starts_at, ends_at, sale_closes_at)
                VALUES ($1::uuid, $2::uuid, $3::uuid, $4::timestamptz, $4::timestamptz + interval '3 hours', $4::timestamptz)
                """, [.text(show.description), .text(tenant.description), .text(event.description), .text(starts.description)]
            ),
            (
                """
                INSERT INTO seat_zones (id, tenant_id, event_id, show_id, name, price_minor, currency, seating, capacity, available)
                VALUES ($1::uuid, $3::uuid, $4::uuid, $5::uuid, 'Floor', 150000, 'THB', 'general', 100, 100),
                       ($2::uuid, $3::uuid, $4::uuid, $5::uuid, 'Balcony', 250000, 'THB', 'numbered', 2, 2)
                """,
                [.text(zone.description), .text(numbered.description), .text(tenant.description), .text(event.description), .text(show.description)]
            ),
            (
                """
                INSERT INTO seats (id, tenant_id, zone_id, position, section, row_label, number)
                VALUES ($1::uuid, $3::uuid, $4::uuid, 0, 'Balcony', 'C', '7'), ($2::uuid, $3::uuid, $4::uuid, 1, 'Balcony', 'C', '8')
                """, [.text(seats[0].description), .text(seats[1].description), .text(tenant.description), .text(numbered.description)]
            ),
        ]
        for (statement, parameters) in statements { _ = try await database.query(statement, parameters) }
    }

    /// A person who can be written to.
    func person(
        _ email: String?, name: String? = nil, locale: String = "en", phone: String? = nil, push: String? = nil
    ) async throws -> UserID {
        let user: UserID = Self.id()
        let (key, sealedKey) = try keys.makeKey(of: user)
        func sealed(_ text: String?, _ field: PersonalField) throws -> PostgresValue { PostgresValue(try text.map { try key.seal($0, as: field) }) }
        _ = try await database.query(
            "INSERT INTO users (id, data_key, email, email_index, name, phone, push_endpoint, locale) VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8)",
            [
                .text(user.description), .bytes(sealedKey), try sealed(email, .email), PostgresValue(email.map { keys.index(ofEmail: $0) }),
                try sealed(name, .name), try sealed(phone, .phone), try sealed(push, .pushEndpoint), .text(locale),
            ])
        return user
    }

    // MARK: The worker

    /// A copy of the worker.
    func parts() throws -> NotificationParts {
        try NotificationParts(
            NotificationConfiguration(Settings(settings)), database: database, mail: mail, webhooks: webhooks,
            now: { [self] in Timestamp(ms: clock.withLock { $0 }) }, metrics: NotificationMetrics(registry: PrometheusRegistry()),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            checkpoint: { [self] point in if crashesAt.withLock({ $0 }) == "\(point)" { throw Crash() } })
    }

    /// Has a message handled.
    /// - Returns: `done`, `skip`, or the failure's disposition and label.
    @discardableResult
    func handle(_ record: KafkaRecord, attempt: Int = 1) async throws -> String {
        let message = KafkaMessage(topic: record.topic, partition: 0, offset: 0, key: record.key, value: record.value, headers: record.headers)
        do {
            switch try await parts().handler.handle(Delivery(message, attempt: attempt)) {
            case .done: return "done"
            case .skip: return "skip"
            default: return "other"
            }
        } catch {
            let failure = Failure(error)
            return "\(failure.disposition.rawValue) \(failure.label)"
        }
    }

    // MARK: What happens

    func booking(
        of user: UserID, _ status: BookingStatus = .reserved, quantity: Int64 = 2, numbered isNumbered: Bool = false, version: Int64 = 1,
        reason: BookingReason? = nil
    ) -> Booking {
        let now = WallClock.nowMs()
        var booking = Booking(
            id: Self.id(), tenant: tenant, event: event, show: show, zone: isNumbered ? numbered : zone, user: user, quantity: quantity,
            seats: isNumbered ? Array(seats.prefix(Int(quantity))) : [], unitPriceMinor: 150_000, totalMinor: 150_000 * quantity, currency: "THB",
            status: status, version: version, createdAt: Timestamp(ms: now), expiresAt: Timestamp(ms: now + 600_000), updatedAt: Timestamp(ms: now),
            idempotencyKey: "k", bodyHash: "0123456789abcdef0123456789abcdef")
        booking.reason = reason
        return booking
    }

    func event(_ booking: Booking, _ type: MessageType? = nil) -> KafkaRecord {
        let event = BookingEvent(booking: booking, zone: ZoneCounts(capacity: 100, available: 98, held: 2, sold: 0, version: 1))
        guard let type else { return event.record }
        return CloudEvent(
            type: type, id: "\(booking.id)/\(booking.version)/\(type.rawValue)", subject: booking.id.description, time: booking.updatedAt, trace: "",
            value: event.json
        ).record
    }

    func payment(of user: UserID, _ status: PaymentStatus, refunded: Int64 = 0) -> KafkaRecord {
        let now = Timestamp(ms: WallClock.nowMs())
        let payment = Payment(
            id: Self.id(), booking: Self.id(), event: event, user: user, tenant: tenant, method: .card, amountMinor: 300_000, currency: "THB",
            status: status, version: 3, refundedMinor: refunded, createdAt: now, updatedAt: now)
        let type: MessageType = status == .success ? .paymentSuccess : status == .failed ? .paymentFailed : .paymentRefunded
        return CloudEvent(
            type: type, id: "\(payment.id)/3/\(type.rawValue)", subject: payment.booking.description, time: now, trace: "", value: payment.json
        ).record
    }

    func turn(of user: UserID, passFor ms: Int64 = 300_000) -> KafkaRecord {
        let now = WallClock.nowMs()
        let entry: QueueEntryID = Self.id()
        let json = """
            {"entry_id":"\(entry)","event_id":"\(event)","tenant_id":"\(tenant)","user_id":"\(user)","status":"admitted","number":1,"version":9,\
            "joined_at_ms":\(now),"updated_at_ms":\(now),"pass_expires_at_ms":\(now + ms)}
            """
        return CloudEvent(
            type: .queueAdmitted, id: "\(entry)/9", subject: event.description, time: Timestamp(ms: now), trace: "", value: Array(json.utf8)
        ).record
    }

    /// Has PostgreSQL know a booking as confirmed, as inventory-sync does.
    func project(_ booking: Booking, made: Timestamp? = nil) async throws {
        _ = try await database.query(
            """
            INSERT INTO bookings (id, tenant_id, event_id, show_id, zone_id, user_id, quantity, unit_price_minor, total_minor, currency, status, version,
                expires_at, idempotency_key, body_hash, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::uuid, $7, 150000, $8, 'THB', $9, $10, now(), 'k', 'h', $11::timestamptz, now())
            """,
            [
                .text(booking.id.description), .text(booking.tenant.description), .text(booking.event.description), .text(booking.show.description),
                .text(booking.zone.description), .text(booking.user.description), .int(booking.quantity), .int(booking.totalMinor),
                .text(booking.status.rawValue), .int(booking.version), .text((made ?? booking.createdAt).description),
            ])
    }

    // MARK: What became of it

    /// `template status reason attempts` of each row, in order of the templates.
    func rows() async throws -> [String] {
        try await database.query("SELECT template, status, reason, attempts FROM notifications ORDER BY template, version", []).map { row in
            "\(try row.string("template")) \(try row.string("status")) \(try row.optionalString("reason") ?? "-") \(try row.int("attempts"))"
        }
    }
}
