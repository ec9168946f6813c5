import BookingEngine
import Domain
import KafkaClient
import Lag
import PostgresClient
import RedisClient
import Settings
import Topics

/// Checks the invariants of ARCHITECTURE.md.
struct InventoryCheck {
    /// Of a booking, what must be equal everywhere.
    struct Row: Equatable, Sendable {
        var status: BookingStatus
        var version: Int64
        var quantity: Int64
        var totalMinor: Int64
        var zone: ZoneID
        var user: UserID
        var seats: Set<SeatID>
        var expiresAtMs: Int64
        var payment: PaymentID?
        var paymentState: Booking.PaymentState?
        var declines: Int64
        var reason: BookingReason?
        var used: [TicketUse] = []
    }

    static func run(settings: Settings, wait: Duration) async throws -> InventoryReport {
        try await Connections.database(settings) { database in
            try await Connections.redis(settings) { redis in
                let kafka = Connections.kafka(settings)
                let atRest = try await waitForRest(redis, database, kafka, wait)
                var first = try await RedisInventory.read(redis)
                // A scan is no snapshot. What moved meanwhile is left out, unless all is at rest.
                let second = atRest ? first : try await RedisInventory.read(redis)
                let moving = Set(first.zones.filter { second.zones[$0.key]?.counts.version != $0.value.counts.version }.map(\.key))
                first.zones = first.zones.filter { !moving.contains($0.key) }
                var invariants = [zones(first), usersAndSeats(first, moving), holds(first, moving)]
                let reports = try await PostgresInventory.read(database)
                invariants.append(try await stores(first, reports, kafka, atRest: atRest))
                let books = try await GatewayBooks.read(settings)
                invariants.append(try await MoneyCheck(reports: reports, money: .read(database), books: books).check(kafka, atRest: atRest))
                return InventoryReport(ok: invariants.allSatisfy(\.ok), atRest: atRest, invariants: invariants)
            }
        }
    }

    private static func waitForRest(_ redis: RedisClient, _ database: PostgresClient, _ kafka: String, _ wait: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + wait
        while true {
            if try await isAtRest(redis, database, kafka) { return true }
            if ContinuousClock.now >= deadline { return false }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Nothing in the outbox, nothing before the projection, nothing commanded and not done, no money on its way.
    private static func isAtRest(_ redis: RedisClient, _ database: PostgresClient, _ kafka: String) async throws -> Bool {
        let outbox = try await redis.pipeline(Shard.all.map { RedisCommand("XLEN", Keys.outbox($0)) })
        if outbox.contains(where: { ($0.int ?? 0) > 0 }) { return false }
        let payment = [Topic.paymentCommands] + Topic.retries(of: "payment")
        let read = [
            LagTarget(group: "inventory-sync", topics: [Topic.bookingEvents.name]), LagTarget(group: "expiry", topics: [Topic.bookingCommands.name]),
            LagTarget(group: "payment", topics: payment.map(\.name)),
        ]
        guard try await LagSampler.backlog(bootstrapServers: kafka, read, logger: Connections.logger) == 0 else { return false }
        return try await MoneyInventory.isAtRest(database)
    }

    private static func zones(_ inventory: RedisInventory) -> InventoryReport.Invariant {
        var invariant = InventoryReport.Invariant(1, "available + held + sold = capacity")
        var held: [ZoneID: Int64] = [:]
        var sold: [ZoneID: Int64] = [:]
        for hold in inventory.holds.values {
            if hold.booking.status == .reserved { held[hold.booking.zone, default: 0] += hold.booking.quantity }
            if hold.booking.status == .confirmed { sold[hold.booking.zone, default: 0] += hold.booking.quantity }
        }
        for (id, zone) in inventory.zones {
            invariant.checked += 1
            let counts = zone.counts
            if !counts.isConsistent { invariant.violated("zone \(id): \(counts)") }
            if counts.held != held[id] ?? 0 { invariant.violated("zone \(id): held \(counts.held), its bookings hold \(held[id] ?? 0)") }
            if counts.sold != sold[id] ?? 0 { invariant.violated("zone \(id): sold \(counts.sold), its bookings bought \(sold[id] ?? 0)") }
            if !zone.map.isEmpty {
                let free = zone.map.count { $0 == UInt8(ascii: "f") }
                if Int64(free) != counts.available { invariant.violated("zone \(id): available \(counts.available), its map shows \(free) free") }
            }
        }
        return invariant
    }

    private static func usersAndSeats(_ inventory: RedisInventory, _ moving: Set<ZoneID>) -> InventoryReport.Invariant {
        var invariant = InventoryReport.Invariant(2, "no seat twice, no user above the limit")
        var seats: [String: BookingID] = [:]
        var tickets: [String: Int64] = [:]
        let movingEvents = Set(inventory.holds.values.filter { moving.contains($0.booking.zone) }.map(\.booking.event))
        for (id, hold) in inventory.holds where hold.booking.status.isLive {
            tickets["\(hold.booking.event):\(hold.booking.user)", default: 0] += hold.booking.quantity
            for seat in hold.seats where !moving.contains(hold.booking.zone) {
                invariant.checked += 1
                let place = "\(hold.booking.zone) seat \(seat)"
                if let other = seats.updateValue(id, forKey: place) { invariant.violated("\(place): in \(other) and \(id)") }
                if let map = inventory.zones[hold.booking.zone]?.map, seat < map.count, map[seat] == UInt8(ascii: "f") {
                    invariant.violated("\(place): in \(id), free in the map")
                }
            }
        }
        let limits = Dictionary(inventory.zones.values.map { ($0.event, $0.limit) }, uniquingKeysWith: max)
        for key in Set(tickets.keys).union(inventory.userCounts.keys) {
            guard let event = EventID(key.split(separator: ":")[0]), !movingEvents.contains(event) else { continue }
            invariant.checked += 1
            let (counted, real) = (inventory.userCounts[key] ?? 0, tickets[key] ?? 0)
            if counted != real { invariant.violated("user and event \(key): counted \(counted), bookings have \(real)") }
            if let limit = limits[event], real > limit { invariant.violated("user and event \(key): \(real) tickets, limit \(limit)") }
        }
        return invariant
    }

    private static func holds(_ inventory: RedisInventory, _ moving: Set<ZoneID>) -> InventoryReport.Invariant {
        var invariant = InventoryReport.Invariant(3, "every hold ends")
        for (id, hold) in inventory.holds where !moving.contains(hold.booking.zone) {
            invariant.checked += 1
            let due = inventory.due[id]
            if hold.booking.status == .reserved && due != hold.booking.expiresAt.ms {
                invariant.violated(
                    "booking \(id): reserved until \(hold.booking.expiresAt), due \(due.map { Timestamp(ms: $0).description } ?? "never")")
            }
            if hold.booking.status != .reserved && due != nil { invariant.violated("booking \(id): \(hold.booking.status.rawValue), yet due") }
        }
        return invariant
    }

    private static func stores(
        _ inventory: RedisInventory, _ reports: PostgresInventory, _ kafka: String, atRest: Bool
    ) async throws -> InventoryReport.Invariant {
        var invariant = InventoryReport.Invariant(4, "Redis = PostgreSQL = fold of the topics")
        guard atRest else {
            invariant.skipped = "not at rest"
            return invariant
        }
        let fold = try await TopicFold.read(bootstrapServers: kafka)
        for (id, booking) in fold.bookings {
            invariant.checked += 1
            if let row = reports.bookings[id] {
                if row != Row(booking) { invariant.violated("booking \(id): PostgreSQL \(row), topics \(Row(booking))") }
            } else {
                invariant.violated("booking \(id): on the topics, not in PostgreSQL")
            }
        }
        for id in reports.bookings.keys where fold.bookings[id] == nil { invariant.violated("booking \(id): in PostgreSQL, not on the topics") }
        for (id, hold) in inventory.holds {
            invariant.checked += 1
            if fold.bookings[id].map(Row.init) != Row(hold.booking) {
                invariant.violated("booking \(id): Redis \(Row(hold.booking)), topics \(fold.bookings[id].map { "\(Row($0))" } ?? "nothing")")
            }
        }
        for (id, row) in reports.bookings where row.status.isLive && inventory.holds[id] == nil {
            invariant.violated("booking \(id): \(row.status.rawValue) in PostgreSQL, not in Redis")
        }
        for (id, zone) in inventory.zones {
            invariant.checked += 1
            guard let row = reports.zones[id] else {
                invariant.violated("zone \(id): in Redis, not in PostgreSQL")
                continue
            }
            if (row.available, row.held, row.sold) != (zone.counts.available, zone.counts.held, zone.counts.sold) {
                invariant.violated("zone \(id): Redis \(zone.counts), PostgreSQL \(row)")
            }
        }
        return invariant
    }
}

extension InventoryCheck.Row {
    init(_ booking: Booking) {
        self.init(
            status: booking.status, version: booking.version, quantity: booking.quantity, totalMinor: booking.totalMinor, zone: booking.zone,
            user: booking.user, seats: Set(booking.seats), expiresAtMs: booking.expiresAt.ms, payment: booking.payment,
            paymentState: booking.paymentState, declines: booking.declines, reason: booking.reason, used: booking.used)
    }
}
