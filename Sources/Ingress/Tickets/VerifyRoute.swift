import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import PostgresClient
import Telemetry
import Tickets

/// `POST /tickets/verify`: lets one person in on one code, once. Redis decides; the answer is there at once, since somebody stands at the door.
///
/// Organisers verify the tickets of their tenant, admins all; another tenant's ticket is as one that is not there.
struct VerifyRoute: Sendable {
    private static let route = "ticket_verify"

    let services: Services
    /// For what stands on the tickets. Read only.
    let database: PostgresClient

    func verify(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        try token.mustOrganize()
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request)
        let wanted = try TicketRequest(json: body)
        let headers = try await services.limiter.admit(Self.route, user: token, request, context)
        let ticket = try read(wanted.code)
        guard let shard = ticket.booking.shard, let booking = try await services.booking(ticket.booking, of: nil), token.organizes(booking.tenant)
        else { throw Self.unknown }
        if let show = wanted.show, show != ticket.show {
            throw APIError(.invalidState, "This ticket is for another show.", field: "code", reason: "is for the show \(ticket.show)")
        }
        let idempotency = BookingEngine.Idempotency(Self.route, key: key, body: body)
        let entry = BookingEngine.TicketEntry(
            booking: ticket.booking, shard: shard, event: ticket.event, place: ticket.place, mark: Self.mark(token.user, key, body),
            doorkeeper: token.user, idempotency: idempotency, trace: context.trace.headerText)
        let (at, isReplay) = try await use(entry, booking)
        if !isReplay { tell(ticket, booking, at, token, request, context) }
        let details = try? await TicketDetails.read(of: booking, from: database)
        var answer = headers
        if isReplay, key != nil { answer[.idempotencyReplayed] = "true" }
        return Answer.success(headers: answer) { TicketBody.write(&$0, admitted: ticket, booking, details, at: at) }
    }

    private func read(_ code: String) throws(APIError) -> Ticket {
        do {
            return try services.tickets.ticket(of: code)
        } catch {
            let reason = error.code == .badSignature ? "has a signature that does not match: it is forged or damaged" : "is not the code of a ticket"
            throw APIError(.validation, "This is not a valid ticket.", field: "code", reason: reason)
        }
    }

    private func use(_ entry: BookingEngine.TicketEntry, _ booking: Booking) async throws(APIError) -> (at: Timestamp, isReplay: Bool) {
        let outcome: TicketOutcome
        do {
            outcome = try await services.engine.useTicket(entry)
        } catch {
            throw .unavailable("The ticket cannot be checked just now; the same Idempotency-Key is safe to send again.")
        }
        switch outcome {
        case .used(let at, let written):
            _ = await services.publisher.publish(written)
            return (at, false)
        case .usedByThis(let at): return (at, true)
        case .usedBefore(let at):
            throw APIError(.invalidState, "This ticket was used before.", field: "code", reason: "was used at \(at)")
        case .keyReused: throw .keyReused
        case .wrongState(let status): throw Self.notSold(status)
        case .missing:
            // Redis forgets a sold booking a day after its show, and no other.
            guard booking.status == .confirmed else { throw Self.notSold(booking.status) }
            throw APIError(.invalidState, "The show of this ticket is over.", field: "code", reason: "is for a show that is over")
        case .noSuchPlace: throw Self.unknown
        case .outboxFull: throw .unavailable()
        }
    }

    /// Who let whom in.
    private func tell(_ ticket: Ticket, _ booking: Booking, _ at: Timestamp, _ token: AccessToken, _ request: Request, _ context: IngressContext) {
        var new = JSONWriter()
        new.object {
            $0.member("ticket", ticket.reference)
            $0.member("used_at", at.description)
        }
        services.audit(
            AuditEntry(
                actor: .user(token.user), action: "ticket.use", entity: "booking", entityID: booking.id.description, outcome: .succeeded,
                tenant: booking.tenant, new: new.bytes, origin: services.limiter.origin(request, context), at: at)
        )
    }

    /// With a key it follows from it, so that the same key finds its use even in a Redis that was restored.
    private static func mark(_ user: UserID, _ key: String?, _ body: [UInt8]) -> String {
        let text = key.map { "\(user)\n\($0)\n" } ?? "\(UUIDBits.version7(nowMs: 0, shard: Shard(truncating: 0)))\n"
        return String(JSONBody.hash(Array(text.utf8) + body).prefix(16))
    }

    private static let unknown = APIError(.notFound, "There is no such ticket.", field: "code", reason: "is unknown")

    private static func notSold(_ status: BookingStatus) -> APIError {
        APIError(
            .invalidState, status == .reserved ? "This ticket is not paid." : "This ticket is not valid any more: its booking is \(status.rawValue).",
            field: "code", reason: "belongs to a booking that is \(status.rawValue)")
    }
}

extension APIError {
    /// Money is not given back to those who have been in.
    static let ticketUsed = APIError(
        .invalidState, "A ticket of this booking was used; its money cannot be asked back.", field: "id", reason: "has a ticket that was used")
}
