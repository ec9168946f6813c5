import BookingEngine
import Domain
import HTTPTypes
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

    /// Starts a reserve on the event loop, without a task.
    /// - Parameters:
    ///   - body: `nil` when it is too large.
    ///   - peer: the address at the other end of the connection.
    ///   - then: called once, on any thread.
    func start(
        _ headers: ReserveHeaders, _ body: ByteBuffer?, from peer: String?, _ exchange: Exchange,
        then: @escaping @Sendable (Result<AcceptedReserve, APIError>) -> Void
    ) {
        let context: BookingEngine.ReserveContext
        let reserve: ReserveRequest
        let pass: Result<QueuePass, QueuePassFault>
        do throws(APIError) {
            let token = try services.authenticate(authorization: headers.authorization)
            guard let key = try IdempotencyKey.check(headers.idempotencyKey) else {
                throw APIError(.validation, "The Idempotency-Key header is required.", field: "Idempotency-Key", reason: "is required")
            }
            try JSONBody.check(contentType: headers.contentType, length: headers.contentLength, isRequired: true)
            guard let body else { throw JSONBody.tooLarge }
            let bytes = Array(body.readableBytesView)
            reserve = try Self.parse(bytes)
            pass = services.room.check(headers.queuePass, user: token.user, event: reserve.event)
            context = .init(
                user: token.user, idempotencyKey: key, bodyHash: JSONBody.hash(bytes), trace: exchange.trace.headerText, age: token.age,
                pass: (try? pass.get())?.entry,
                origin: RequestOrigin(
                    address: services.limiter.address(peer, forwarded: headers.forwardedFor), agent: headers.userAgent,
                    requestID: exchange.requestID))
        } catch {
            return then(.failure(error))
        }
        let booking = BookingID.make(nowMs: BookingEngine.wallClockMs(), shard: Shard(of: reserve.event))
        let payment = reserve.payment.map { PaymentOnReserve(services: services, means: $0, context: context) }
        services.engine.reserve(reserve, context, booking: booking) { result in finish(result, reserve, pass, payment, then) }
    }

    private static func parse(_ bytes: [UInt8]) throws(APIError) -> ReserveRequest {
        do {
            return try ReserveRequest(json: bytes)
        } catch {
            throw APIError(error)
        }
    }

    private func finish(
        _ result: BookingEngine.ReserveResult, _ request: ReserveRequest, _ pass: Result<QueuePass, QueuePassFault>, _ payment: PaymentOnReserve?,
        _ then: @escaping @Sendable (Result<AcceptedReserve, APIError>) -> Void
    ) {
        guard case .success((let outcome, let tokensLeft)) = result else {
            return then(
                .failure(.unavailable("Reservations cannot be taken just now; the same Idempotency-Key is safe to send again.")))
        }
        if Self.isArrival(outcome) { services.room.arrivals.count(request.event) }
        let limits = services.engine.limits
        let rate = RateLimiter.headers("reserve", tokensLeft: tokensLeft, perMinute: limits.ratePerMinute, burst: limits.burst)
        switch outcome {
        case .reserved(let reservation, let entry):
            reservations.increment()
            guard let entry else { return pay(payment, reservation, request, rate, isReplay: false, then) }
            services.publisher.publish(entry) { _ in pay(payment, reservation, request, rate, isReplay: false, then) }
        case .replayed(let reservation): pay(payment, reservation, request, rate, isReplay: true, then)
        default:
            MetricName.bookingReservationFailures.counter(outcome.label).increment()
            then(.failure(refusal(Self.blaming(pass, outcome), rate.fields)))
        }
    }

    /// Whether somebody came for tickets: what one account can repeat without end must not switch an event's waiting room on.
    static func isArrival(_ outcome: ReserveOutcome) -> Bool {
        switch outcome {
        // A zone that is not there may be of an event that is not either.
        case .zoneUnknown, .rateLimited, .replayed, .keyReused: false
        default: true
        }
    }

    /// The script only knows that there was no pass which opens the door; why, was seen before.
    private static func blaming(_ pass: Result<QueuePass, QueuePassFault>, _ outcome: ReserveOutcome) -> ReserveOutcome {
        if case .queueRequired = outcome, case .failure(let fault) = pass { .queueRequired(fault) } else { outcome }
    }

    /// Begins the payment, where one was asked for, and answers.
    private func pay(
        _ payment: PaymentOnReserve?, _ reservation: Reservation, _ request: ReserveRequest, _ rate: RateHeaders, isReplay: Bool,
        _ then: @escaping @Sendable (Result<AcceptedReserve, APIError>) -> Void
    ) {
        guard let payment else { return then(.success(accepted(reservation, request, rate, isReplay: isReplay))) }
        payment.begin(reservation.booking, isReplay: isReplay) { outcome in
            then(.success(accepted(reservation, request, rate, isReplay: isReplay, payment: outcome)))
        }
    }

    private func accepted(
        _ reservation: Reservation, _ request: ReserveRequest, _ rate: RateHeaders, isReplay: Bool, payment: PaymentOnReserve.Outcome? = nil
    ) -> AcceptedReserve {
        var lines = Array("Location: /api/v1/bookings/\(reservation.booking)\r\nETag: \"\(reservation.version)\"\r\n".utf8)
        lines.append(contentsOf: rate.lines)
        if isReplay { lines.append(contentsOf: "Idempotency-Replayed: true\r\n".utf8) }
        let body = Answer.body {
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
                if let payment { PaymentOnReserve.write(&$0, payment) }
            }
        }
        return AcceptedReserve(lines: lines, body: body)
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
        case .queueRequired(let fault): error = .queueRequired(fault)
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
