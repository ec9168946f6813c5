import Domain
import PersonalData
import PostgresClient

/// Makes the rows of a batch of notices, in one transaction: who is reached how, and what is still to be sent.
struct ClaimWriter: Sendable {
    let keys: PersonalDataKeys
    let identity: MessageIdentity
    /// What can be reached besides mail.
    let channels: Set<Channel>

    /// A row as it is to be.
    private struct Row {
        let wish: Int
        let id: String
        let notice: Notice
        let channel: Channel
        let template: String
        let verdict: Verdict?
        let messageID: String
    }

    /// What each wish gave, in their order.
    /// - Parameter byClock: leaves rows alone that somebody touched less than ``ReminderStore/patience`` ago, and ends those of people whose data
    ///   cannot be read, as no retry topic takes them out of the way.
    /// - Throws: `PersonalDataError` for such people otherwise, and when nobody of several can be read: then it is the key that is wrong.
    func claim(_ wishes: [NotificationStore.Wish], byClock: Bool = false, _ connection: PostgresConnection) throws -> [NotificationStore.Claim] {
        let (recipients, unreadable) = try recipients(Set(wishes.map(\.notice.user)), connection)
        if let error = unreadable.values.first, !byClock || (recipients.isEmpty && unreadable.count > 1) { throw error }
        let nowMs = WallClock.nowMs()
        var rows: [Row] = []
        for (index, wish) in wishes.enumerated() {
            let recipient = recipients[wish.notice.user]
            let unreachable = unreadable[wish.notice.user].map { "personal_data_\($0.label)" } ?? "no_address"
            for channel in wish.notice.occasion.channels {
                let address = recipient?.address(on: channel)
                // A mail is owed to everybody; the rest only to those who want it.
                guard channel == .email || (address != nil && channels.contains(channel)) else { continue }
                let template = wish.notice.occasion.template(for: channel)
                rows.append(
                    Row(
                        wish: index, id: "\(UUIDBits.version7(nowMs: nowMs, shard: Shard(truncating: 0)))", notice: wish.notice, channel: channel,
                        template: template, verdict: wish.isStale ? .skipped("too_late") : address == nil ? .failed(unreachable) : nil,
                        messageID: identity.id(entity: wish.notice.entityID, template: template, version: wish.notice.version)))
            }
        }
        // All copies insert in one order, so that they wait for each other rather than deadlock.
        rows.sort { ($0.notice.entityID, $0.template, $0.notice.version) < ($1.notice.entityID, $1.template, $1.notice.version) }
        var claims = [NotificationStore.Claim](repeating: .init(), count: wishes.count)
        let written = try write(rows, onlyUntouched: byClock, connection)
        for row in rows {
            guard let found = written[Key(row.notice.entityID, row.template, row.notice.version)] else { continue }
            if let verdict = row.verdict {
                claims[row.wish].ended.append((row.channel, verdict))
            } else if let recipient = recipients[row.notice.user] {
                claims[row.wish].letters.append(
                    Letter(
                        id: found.id, channel: row.channel, notice: row.notice, recipient: recipient, messageID: found.messageID,
                        createdAt: found.createdAt, attempt: found.attempts))
            }
        }
        return claims
    }

    /// How people are reached, and whose data cannot be read. Who was forgotten is in neither.
    private func recipients(
        _ users: Set<UserID>, _ connection: PostgresConnection
    ) throws -> (readable: [UserID: Recipient], unreadable: [UserID: PersonalDataError]) {
        let rows = try connection.query(
            "SELECT \(Recipient.columns) FROM users u WHERE u.id = ANY($1::uuid[])", [.textArray(users.map(\.description))])
        var readable: [UserID: Recipient] = [:]
        var unreadable: [UserID: PersonalDataError] = [:]
        for row in rows {
            guard let user = UserID(try row.string("user_id")) else { continue }
            do {
                readable[user] = try Recipient(row, keys)
            } catch let error as PersonalDataError {
                unreadable[user] = error
            }
        }
        return (readable, unreadable)
    }

    private struct Key: Hashable {
        let entity: String
        let template: String
        let version: Int64

        init(_ entity: String, _ template: String, _ version: Int64) {
            self.entity = entity
            self.template = template
            self.version = version
        }
    }

    private struct Written {
        let id: String
        let messageID: String
        let createdAt: Timestamp
        let attempts: Int
    }

    /// Writes rows; those that are not there afterwards had ended before.
    private func write(_ rows: [Row], onlyUntouched: Bool, _ connection: PostgresConnection) throws -> [Key: Written] {
        let found = try connection.query(
            """
            INSERT INTO notifications AS n (id, tenant_id, user_id, event_id, entity_type, entity_id, template, version, channel, status, reason, message_id)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::bigint[], $9::text[], $10::text[],
                $11::text[], $12::text[])
            ON CONFLICT (entity_id, template, version) DO UPDATE
                SET attempts = n.attempts + 1, status = excluded.status, reason = excluded.reason, updated_at = now()
                WHERE n.status IN ('sending', 'given_up') AND (NOT $13::boolean OR n.updated_at < now() - interval '\(ReminderStore.patience)')
            RETURNING id, entity_id, template, version, message_id, attempts, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms
            """,
            [
                .textArray(rows.map(\.id)), .textArray(rows.map(\.notice.tenant.description)), .textArray(rows.map(\.notice.user.description)),
                .textArray(rows.map(\.notice.event.description)), .textArray(rows.map(\.notice.entityType)), .textArray(rows.map(\.notice.entityID)),
                .textArray(rows.map(\.template)), .intArray(rows.map(\.notice.version)), .textArray(rows.map(\.channel.rawValue)),
                .textArray(rows.map { $0.verdict?.status ?? "sending" }), .textArray(rows.map { $0.verdict?.reason }),
                .textArray(rows.map(\.messageID)), .bool(onlyUntouched),
            ])
        var written: [Key: Written] = [:]
        for row in found {
            written[Key(try row.string("entity_id"), try row.string("template"), try row.int64("version"))] = Written(
                id: try row.string("id"), messageID: try row.string("message_id"), createdAt: Timestamp(ms: try row.int64("created_ms")),
                attempts: try row.int("attempts"))
        }
        return written
    }
}
