import BookingEngine
import Domain
import KafkaClient
import LocalStack
import RedisClient
import Topics

/// Bookings for the bench of recovery: as if each had been reserved, and every other one paid, one after the other.
struct RecoveryWorkload: Sendable {
    /// Records under way at a time.
    private static let batch = 20_000
    /// Zones of each event.
    private static let zones = 4
    private static let priceMinor: Int64 = 150_000

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Place: Sendable {
        let event: EventID
        let show: ShowID
        let zone: ZoneID
        let capacity: Int64
        var shard: Shard { Shard(of: event) }
    }

    private let places: [Place]
    private let bookings: Int
    private let tenant: TenantID = SeedFile.id("tenant", "bench")
    private let start = Timestamp.now

    static func catalogue(events: Int, bookings: Int) -> SeedFile {
        let capacity = bookings / (events * zones) + 1_000
        let zones = (0..<zones).map { SeedFile.Zone(name: "Zone \($0)", capacity: capacity, priceMinor: Int(priceMinor)) }
        return SeedFile(
            tenant: .init(slug: "bench", name: "Bench"),
            events: (0..<events).map { .init(slug: "bench-\($0)", title: "Bench \($0)", shows: [.init(zones: zones)]) })
    }

    init(_ report: Seeder.Report, bookings: Int) throws {
        var places: [Place] = []
        for event in report.events {
            for show in event.shows {
                for zone in show.zones {
                    guard let eventID = EventID(event.eventID), let showID = ShowID(show.showID), let zoneID = ZoneID(zone.zoneID) else {
                        throw Failure(description: "an id of the catalogue cannot be read")
                    }
                    places.append(Place(event: eventID, show: showID, zone: zoneID, capacity: zone.capacity))
                }
            }
        }
        self.places = places
        self.bookings = bookings
    }

    /// Produces the events of some of the bookings.
    func write(_ numbers: Range<Int>, to installation: Installation) async throws {
        var configuration = KafkaProducerConfiguration(
            bootstrapServers: installation.stack.endpoints.kafkaBootstrapServers, clientID: "rushctl-bench")
        configuration.messageTimeout = .seconds(30)
        let producer = try KafkaProducer(configuration: configuration, logger: Connections.logger)
        do {
            for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: Self.batch) {
                let records = (first..<min(first + Self.batch, numbers.upperBound)).map { event($0).record }
                for result in await producer.send(records) { _ = try result.get() }
            }
        } catch {
            await producer.shutdown(flush: .zero)
            throw error
        }
        await producer.shutdown(flush: .seconds(10))
    }

    /// Every other booking is sold, the rest are held for a day.
    private func event(_ number: Int) -> BookingEvent {
        let place = places[number % places.count]
        let isSold = number % 2 == 1
        let inZone = Int64(number / places.count) + 1
        let now = Timestamp(ms: start.ms + Int64(number / 100))
        var booking = Booking(
            id: .make(nowMs: now.ms, shard: place.shard), tenant: tenant, event: place.event, show: place.show, zone: place.zone,
            user: Token.newUser(), quantity: 1, seats: [], unitPriceMinor: Self.priceMinor, totalMinor: Self.priceMinor, currency: "THB",
            status: isSold ? .confirmed : .reserved, version: isSold ? 3 : 1, createdAt: now, expiresAt: Timestamp(ms: now.ms + 86_400_000),
            updatedAt: now, idempotencyKey: "bench-\(number)", bodyHash: "00112233445566778899aabbccddeeff")
        if isSold {
            booking.payment = .make(nowMs: now.ms, shard: place.shard)
            booking.paymentState = .success
        }
        // There is an even number of places, dealt in turn: a zone's bookings are all held or all sold.
        return BookingEvent(
            booking: booking,
            zone: ZoneCounts(
                capacity: place.capacity, available: place.capacity - inZone, held: isSold ? 0 : inZone, sold: isSold ? inZone : 0,
                version: inZone))
    }

    /// Whether Redis counts every booking.
    func check(_ redis: RedisClient) async throws {
        let counts = try await BookingEngine(redis: redis).zoneCounts(places.map { ($0.zone, $0.shard) })
        let taken = counts.reduce(0) { $0 + ($1.map { $0.held + $0.sold } ?? 0) }
        guard counts.allSatisfy({ $0?.isConsistent == true }), taken == bookings else {
            throw Failure(description: "Redis counts \(taken) of \(bookings) bookings")
        }
    }
}
