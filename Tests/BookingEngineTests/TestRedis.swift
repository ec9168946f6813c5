import BookingEngine
import Domain
import Foundation
import LocalStack
import Logging
import RedisClient

/// A real Redis for one test, configured as the product's.
enum TestRedis {
    static func with<T>(_ body: (RedisClient) async throws -> T) async throws -> T {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("engine-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let stack = try LocalStack(LocalStackConfiguration(directory: directory.path, binaries: "/nonexistent"))
        try await stack.startRedis()
        let client = RedisClient(configuration: try RedisConfiguration(url: stack.endpoints.redisURL), logger: Logger(label: "test"))
        try client.start()
        let result: Result<T, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.shutdown()
        await stack.stop()
        return try result.get()
    }
}

/// One zone and those who want to get in.
struct Fixture {
    var engine: BookingEngine
    var settings: ZoneSettings

    var shard: Shard { Shard(of: settings.event) }

    init(_ redis: RedisClient, capacity: Int64 = 10, seats: Int = 0, perUser: Int64 = 4, limits: ReserveLimits = ReserveLimits()) {
        engine = BookingEngine(redis: redis, limits: limits)
        settings = ZoneSettings(
            zone: Self.id(), event: Self.id(), show: Self.id(), tenant: Self.id(), capacity: seats == 0 ? capacity : Int64(seats), priceMinor: 1500,
            currency: "THB", maximumPerUser: perUser, saleOpens: Timestamp(ms: 0), saleCloses: Timestamp(ms: 1 << 42),
            showEnds: Timestamp(ms: 1 << 42), minimumAge: 0, seats: (0..<seats).map { _ in Self.id() })
    }

    static func id<Kind>() -> Identifier<Kind> { Identifier(UUIDBits(high: .random(in: .min ... .max), low: .random(in: .min ... .max))) }

    func load() async throws -> SetZoneOutcome { try await engine.setZone(settings) }

    func reserve(
        _ user: UserID = Fixture.id(), quantity: Int = 1, seats: [SeatID] = [], key: String = UUID().uuidString, hash: String = "00",
        age: Int64? = nil
    ) async throws -> ReserveOutcome {
        var fields = #""event_id":"\#(settings.event)","show_id":"\#(settings.show)","zone_id":"\#(settings.zone)""#
        fields += seats.isEmpty ? #","quantity":\#(quantity)"# : #","seat_ids":[\#(seats.map { "\"\($0)\"" }.joined(separator: ","))]"#
        let request = try ReserveRequest(json: Array("{\(fields)}".utf8))
        let context = BookingEngine.ReserveContext(user: user, idempotencyKey: key, bodyHash: hash, trace: "", age: age)
        return try await withUnsafeContinuation { continuation in
            engine.reserve(request, context, booking: .make(nowMs: BookingEngine.wallClockMs(), shard: shard)) { continuation.resume(returning: $0) }
        }.get().outcome
    }

    func counts() async throws -> ZoneCounts? { try await engine.zoneCounts([(settings.zone, shard)])[0] }

    func release(_ booking: BookingID, _ status: BookingStatus, operation: OperationID? = nil) async throws -> ReleaseOutcome {
        try await engine.release([.init(booking: booking, shard: shard, status: status, by: operation?.description ?? "")])[0].get()
    }
}

extension ReserveOutcome {
    var reservation: Reservation? {
        switch self {
        case .reserved(let reservation, _), .replayed(let reservation): reservation
        default: nil
        }
    }
}
