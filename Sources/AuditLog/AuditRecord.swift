public import Domain
public import KafkaClient
import Topics

/// What a message tells the audit: who did what to what.
public struct AuditRecord: Equatable, Sendable {
    /// Longest text that can be searched for, in bytes; PostgreSQL's indexes take no more than about five of them together.
    public static let longestText = 400

    /// By which a copy of the message is recognised, together with ``at``.
    public var messageID: String
    /// Who: a user's id, `operator:root`, `worker:expiry`.
    public var actor: String
    /// What: `booking.confirmed`, `dlq.redrive`, `POST /events/{id}/cancel`.
    public var action: String
    /// The kind of thing that it was done to.
    public var entity: String
    /// Which one.
    public var entityID: String
    public var outcome: AuditEntry.Outcome
    /// Whose thing it is; the nil UUID for what belongs to the platform.
    public var tenant: TenantID
    /// JSON, as ``new``.
    public var old: String?
    public var new: String?
    public var address: String?
    public var agent: String?
    public var requestID: String?
    /// The W3C trace id, by which the logs of the same request are found.
    public var traceID: String?
    /// When it was done, as the message says.
    public var at: Timestamp
    /// Where the message is.
    public var source: KafkaTopicPartition
    public var offset: Int64
    /// Where the message tells a state: the version of the state, and since when there are earlier ones. What was before is what an earlier row calls new.
    public var state: State?

    /// One of the states of an entity.
    public struct State: Equatable, Sendable {
        public let version: Int64
        /// When the entity came to be.
        public let since: Timestamp

        /// Whether there can be none before it: the first of its epoch (ARCHITECTURE, versions), at the moment in which the entity came to be.
        func isFirst(at moment: Timestamp) -> Bool { version % 1_000_000 == 1 && moment == since }
    }

    /// What belongs to nobody's tenant.
    public static let platform = TenantID(UUIDBits(high: 0, low: 0))
}

extension AuditRecord {
    /// Reads a message of audit.events, booking.events or payment.events.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(_ message: KafkaMessage) throws(JSONError) {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        func header(_ name: String) -> String? { message.headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) } }
        let source = message.topicPartition
        let id = header("ce_id") ?? "\(source)/\(message.offset)"
        // 00-<trace id>-<span id>-<flags>
        let trace = header("traceparent").flatMap { text in text.utf8.count >= 35 ? String(text.dropFirst(3).prefix(32)) : nil }
        let action = header("ce_type").flatMap(Self.action(of:))
        switch message.topic {
        case Topic.bookingEvents.name:
            var reader = JSONReader(value)
            var organizer: UserID?
            let booking = try Booking(&reader) { (key, value) throws(JSONError) in
                guard key == "actor_id" else { return false }
                organizer = UserID(try value.string())
                return true
            }
            try reader.end()
            self.init(
                booking, by: organizer.map { .user($0) } ?? Self.actor(of: booking), action: action ?? "booking.\(booking.status.rawValue)",
                messageID: id, source: source, offset: message.offset)
        case Topic.paymentEvents.name:
            let payment = try Payment(json: value)
            self.init(payment, action: action ?? "payment.\(payment.status.rawValue)", messageID: id, source: source, offset: message.offset)
        default:
            self.init(try AuditEntry(json: value), source: source, offset: message.offset)
        }
        traceID = trace
        // Without it a reserve's row is better than no row, so what cannot be read is left out.
        if let origin = header(RequestOrigin.header).flatMap({ try? RequestOrigin(json: Array($0.utf8)) }) {
            (address, agent, requestID) = (origin.address, origin.agent, origin.requestID)
        }
        tidy()
    }

    private init(_ entry: AuditEntry, source: KafkaTopicPartition, offset: Int64) {
        self.init(
            messageID: entry.id, actor: entry.actor.description, action: entry.action, entity: entry.entity, entityID: entry.entityID,
            outcome: entry.outcome, tenant: entry.tenant ?? Self.platform, old: entry.old.map { String(decoding: $0, as: UTF8.self) },
            new: entry.new.map { String(decoding: $0, as: UTF8.self) }, address: entry.origin.address, agent: entry.origin.agent,
            requestID: entry.origin.requestID, at: entry.at, source: source, offset: offset)
    }

    private init(_ booking: Booking, by actor: AuditActor, action: String, messageID: String, source: KafkaTopicPartition, offset: Int64) {
        var new = JSONWriter()
        new.object {
            $0.member("status", booking.status.rawValue)
            $0.member("version", booking.version)
            $0.member("user_id", booking.user)
            $0.member("event_id", booking.event)
            $0.member("zone_id", booking.zone)
            $0.member("quantity", booking.quantity)
            if !booking.seats.isEmpty {
                $0.key("seat_ids")
                $0.array { for seat in booking.seats { $0.string(seat.description) } }
            }
            $0.member("total_minor", booking.totalMinor)
            $0.member("currency", booking.currency)
            $0.member("expires_at_ms", booking.expiresAt.ms)
            $0.member("payment_id", ifPresent: booking.payment?.description)
            $0.member("payment_state", ifPresent: booking.paymentState?.rawValue)
            $0.member("declines", booking.declines)
            $0.member("reason", ifPresent: booking.reason?.rawValue)
            if !booking.used.isEmpty {
                $0.key("used")
                $0.raw(TicketUse.json(booking.used))
            }
        }
        self.init(
            messageID: messageID, actor: actor.description, action: action, entity: "booking", entityID: booking.id.description,
            outcome: .succeeded, tenant: booking.tenant, new: String(decoding: new.bytes, as: UTF8.self), at: booking.updatedAt, source: source,
            offset: offset, state: State(version: booking.version, since: booking.createdAt))
    }

    /// Whose doing a booking's state is where its event names nobody, as far as the state says it: the request itself is on record with its user where there was one.
    private static func actor(of booking: Booking) -> AuditActor {
        switch booking.status {
        case .reserved where booking.paymentState == nil || booking.paymentState == .open: .user(booking.user)
        case .cancelled where booking.reason == nil: .user(booking.user)
        case .cancelled, .reserved, .confirmed, .refunded: .worker("payment")
        case .expired: .worker("expiry")
        }
    }

    private init(_ payment: Payment, action: String, messageID: String, source: KafkaTopicPartition, offset: Int64) {
        var new = JSONWriter()
        new.object {
            $0.member("status", payment.status.rawValue)
            $0.member("version", payment.version)
            $0.member("booking_id", payment.booking)
            $0.member("user_id", payment.user)
            $0.member("method", payment.method.rawValue)
            $0.member("amount_minor", payment.amountMinor)
            $0.member("captured_minor", payment.capturedMinor)
            $0.member("refunded_minor", payment.refundedMinor)
            $0.member("currency", payment.currency)
            $0.member("intent_id", ifPresent: payment.intent)
            $0.member("error_code", ifPresent: payment.errorCode)
        }
        self.init(
            messageID: messageID, actor: AuditActor.worker("payment").description, action: action, entity: "payment",
            entityID: payment.id.description, outcome: payment.status == .failed || payment.status == .timeout ? .failed : .succeeded,
            tenant: payment.tenant, new: String(decoding: new.bytes, as: UTF8.self), at: payment.updatedAt, source: source, offset: offset,
            state: State(version: payment.version, since: payment.createdAt))
    }

    /// `booking.created.v1` tells of `booking.created`.
    private static func action(of type: String) -> String? {
        guard let end = type.lastIndex(of: "."), type[end...].hasPrefix(".v") else { return type.isEmpty ? nil : type }
        return String(type[..<end])
    }

    /// Makes of each text one that PostgreSQL takes: without NUL, and not longer than can be indexed. An audit that refuses a row forgets it.
    private mutating func tidy() {
        for path in [\AuditRecord.messageID, \.actor, \.action, \.entity, \.entityID] { self[keyPath: path] = Self.tidied(self[keyPath: path]) }
        for path in [\AuditRecord.address, \.agent, \.requestID, \.traceID] { self[keyPath: path] = self[keyPath: path].map(Self.tidied) }
    }

    private static func tidied(_ text: String) -> String {
        if text.utf8.count <= longestText, !text.utf8.contains(0) { return text }
        let clean = String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 })
        return String(decoding: clean.utf8.prefix(longestText), as: UTF8.self)
    }
}
