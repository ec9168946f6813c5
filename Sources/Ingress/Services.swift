import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Logging
import PostgresClient
import Tickets

/// What the routes work with.
struct Services: Sendable {
    let engine: BookingEngine
    let publisher: OutboxPublisher
    let tokens: TokenKeys
    let bookings: BookingReports
    let payments: PaymentReports
    let catalogue: Catalogue
    /// Signs and checks the codes of e-tickets.
    let tickets: TicketSigner
    let waiters: Waiters
    let limiter: RateLimiter
    let room: WaitingRoom
    /// Pays a confirm whose body has no token.
    let defaultPaymentToken: String?
    /// Keeps what somebody did on audit.events, without waiting for it.
    let audit: @Sendable (AuditEntry) -> Void
    let logger: Logger
    /// Tells of looks at events; nil where nobody counts them.
    var views: ViewReporter?
}

extension Services {
    /// A booking from Redis, else PostgreSQL; `nil` where neither has it, or it is not the user's.
    /// - Parameter user: `nil` for a booking of whoever it is.
    func booking(_ id: BookingID, of user: UserID?) async throws(APIError) -> Booking? {
        var isRedisAway = false
        do {
            if let booking = try await engine.booking(id) { return user == nil || booking.user == user ? booking : nil }
        } catch {
            isRedisAway = true
        }
        do {
            if let booking = try await bookings.booking(id, of: user) { return booking }
        } catch {
            throw .unavailable()
        }
        // A booking that only Redis has is not "not found" while Redis is away.
        if isRedisAway { throw .unavailable() }
        return nil
    }

    /// Who sent the request.
    /// - Throws: 401 when there is no token, or one that is not ours or not valid any more.
    func authenticate(_ request: Request) throws(APIError) -> AccessToken {
        try authenticate(authorization: request.headers[.authorization])
    }

    /// The same for the value of the `Authorization` header.
    func authenticate(authorization: String?) throws(APIError) -> AccessToken {
        guard let header = authorization else {
            throw APIError(.unauthorized, "A bearer token is required.", field: "Authorization")
        }
        let prefix = header.utf8.prefix(7)
        guard prefix.elementsEqual("Bearer ".utf8) || prefix.elementsEqual("bearer ".utf8), header.utf8.count <= 4096 else {
            throw APIError(.unauthorized, "The Authorization header must hold a bearer token.", field: "Authorization")
        }
        do {
            return try tokens.verify(header.utf8.dropFirst(7), now: .now)
        } catch {
            let reason =
                switch error {
                case .expired: "has expired"
                case .badSignature: "has a signature that does not match"
                case .malformed, .weakSecret: "is not a token of this service"
                }
            throw APIError(.unauthorized, "The token \(reason).", field: "Authorization", reason: reason)
        }
    }
}
