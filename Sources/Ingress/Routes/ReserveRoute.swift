import BookingEngine
import Crypto
import Domain
import HTTPTypes
import Hummingbird
import Metrics
import NIOCore
import Telemetry

/// `POST /bookings/reserve`: the hot path. Parse, verify, one script, produce, 202.
struct ReserveRoute: Sendable {
    let services: Services
    private let reservations = MetricName.bookingReservations.counter()

    init(services: Services) {
        self.services = services
    }

    func handle(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        guard let key = try IdempotencyKey.read(request) else {
            throw APIError(.validation, "The Idempotency-Key header is required.", field: "Idempotency-Key", reason: "is required")
        }
        let body = try await JSONBody.read(request)
        let reserve = try ReserveRequest(json: body)
        let hash = JSONBody.hash(body)
        let booking = BookingID.make(nowMs: BookingEngine.wallClockMs(), shard: Shard(of: reserve.event))
        let limits = services.engine.limits
        let (outcome, tokensLeft): (ReserveOutcome, Int64?)
        do {
            (outcome, tokensLeft) = try await services.engine.reserve(
                reserve, .init(user: token.user, idempotencyKey: key, bodyHash: hash, trace: context.trace.headerText, age: token.age),
                booking: booking)
        } catch {
            throw APIError.unavailable("Reservations cannot be taken just now; the same Idempotency-Key is safe to send again.")
        }
        let rate = RateLimiter.headers("reserve", tokensLeft: tokensLeft, perMinute: limits.ratePerMinute, burst: limits.burst)
        switch outcome {
        case .reserved(let reservation, let entry):
            if let entry { _ = await services.publisher.publish(entry) }
            reservations.increment()
            return answer(reservation, reserve, headers: rate)
        case .replayed(let reservation):
            var headers = rate
            headers[.idempotencyReplayed] = "true"
            return answer(reservation, reserve, headers: headers)
        default:
            MetricName.bookingReservationFailures.counter(outcome.label).increment()
            throw refusal(outcome, rate)
        }
    }

    private func answer(_ reservation: Reservation, _ request: ReserveRequest, headers: HTTPFields) -> Response {
        // None of these is there yet, so they are appended without a look.
        var headers = headers
        headers.append(HTTPField(name: .location, value: "/api/v1/bookings/\(reservation.booking)"))
        headers.append(HTTPField(name: .retryAfter, value: "1"))
        headers.append(HTTPField(name: .eTag, value: "\"\(reservation.version)\""))
        headers.append(HTTPField(name: .cacheControl, value: "private, no-store"))
        return Answer.success(.accepted, headers: headers) {
            $0.object {
                $0.member("booking_id", reservation.booking)
                $0.member("status", BookingStatus.reserved.rawValue)
                $0.member("version", reservation.version)
                $0.member("expires_at", reservation.expiresAt.description)
                BookingBody.writeItems(
                    &$0, zone: request.zone, seats: request.seats, quantity: request.quantity, unitPriceMinor: reservation.unitPriceMinor)
                $0.member("total_minor", reservation.totalMinor)
                $0.member("currency", reservation.currency)
                $0.member("remaining", reservation.remaining)
            }
        }
    }

    private func refusal(_ outcome: ReserveOutcome, _ rate: HTTPFields) -> APIError {
        var error: APIError
        switch outcome {
        case .reserved, .replayed: error = APIError(.internalError, "Something went wrong on our side.")
        case .keyReused: error = .keyReused
        case .zoneUnknown: error = APIError(.notFound, "This show has no such zone.", field: "zone_id", reason: "is unknown")
        case .seatsRequired: error = APIError(.validation, "This zone has numbered seats.", field: "seat_ids", reason: "is required in this zone")
        case .seatsNotNumbered:
            error = APIError(.validation, "This zone has no numbered seats.", field: "seat_ids", reason: "must be absent in this zone")
        case .seatUnknown(let seat): error = APIError(.notFound, "This zone has no such seat.", field: "seat_ids", reason: "\(seat) is unknown")
        case .saleClosed(let opens, let closes):
            error = APIError(.saleNotOpen, "The sale is open from \(opens) to \(closes).", field: "show_id", reason: "is not on sale")
        case .outboxFull: error = .unavailable("Reservations cannot be taken just now.")
        case .rateLimited(let wait): return RateLimiter.refusal(rate, retryAfterMs: wait)
        case .ageRestricted(let minimum): error = APIError(.ageRestricted, "The show is for those of \(minimum) years and more.")
        case .overLimit(let limit, let held):
            error = APIError(
                .maxPerUserExceeded, "You may have \(limit) tickets of this event and have \(held).", field: "quantity", reason: "exceeds the limit")
        case .outOfStock(let available):
            error = APIError(.insufficientStock, "There are \(available) places left.", field: "quantity", reason: "exceeds what is available")
        case .seatsTaken(let seats):
            error = APIError(.seatTaken, "Somebody has taken a seat.", field: "seat_ids", reason: "taken: \(seats.joined(separator: ", "))")
        }
        for field in rate { error.headers[field.name] = field.value }
        return error
    }
}

extension APIError {
    static let keyReused = APIError(
        .idempotencyKeyReused, "The Idempotency-Key was used with another body.", field: "Idempotency-Key", reason: "belongs to another request")
}
