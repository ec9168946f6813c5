import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import PostgresClient
import Tickets

/// `GET /bookings/{id}/ticket`: the e-ticket of one's own confirmed booking, one code a place, as JSON, a page, or an image.
struct TicketRoute: Sendable {
    let services: Services
    /// For what stands on the tickets. Read only.
    let database: PostgresClient

    func read(_ request: Request, _ context: IngressContext) async throws -> Response {
        let id: BookingID = try context.id()
        let format = try TicketFormat(request)
        let (owner, headers) = try await admit(id, request, context)
        guard let booking = try await services.booking(id, of: owner) else {
            throw APIError(.notFound, "There is no such booking.", field: "id", reason: "is unknown")
        }
        guard booking.status == .confirmed else { throw Self.noTicket(booking.status) }
        let tickets = try Self.chosen(booking, request, format)
        var answer = headers
        answer[.contentType] = format.mediaType
        answer[.cacheControl] = "private, no-store"
        answer[.vary] = "Accept"
        answer[.referrerPolicy] = "no-referrer"
        switch format {
        case .json:
            // Whoever stands at the door with a telephone needs the code more than the names.
            let details = try? await TicketDetails.read(of: booking, from: database)
            return Answer.success(headers: answer) { TicketBody.write(&$0, booking, tickets, details, services.tickets) }
        case .html:
            answer[.contentType] = "text/html; charset=utf-8"
            answer[.contentSecurityPolicy] = "default-src 'none'; style-src \(TicketPage.styleSource); frame-ancestors 'none'"
            let page = TicketPage(booking: booking, details: try await details(of: booking), signer: services.tickets)
            let locale = try Self.locale(request)
            let html = try page.html(locale: locale, only: tickets.count == booking.tickets.count ? nil : tickets.first?.place)
            return Response(PlainResponse(status: .ok, headers: answer, body: Array(html.utf8)))
        case .svg, .png:
            // One place: the choice has made sure of that.
            let ticket = tickets[0]
            let code = services.tickets.code(of: ticket)
            answer[.contentDisposition] = "inline; filename=\"ticket-\(ticket.reference).\(format.rawValue)\""
            let image = try format == .svg ? Array(QRCode.svg(code, label: ticket.reference).utf8) : QRCode.png(code)
            return Response(PlainResponse(status: .ok, headers: answer, body: image))
        }
    }

    /// Who asks: the owner, by a token, or one who has the signed link of a mail.
    /// - Returns: the owner that the booking must have; `nil` for a link, which names its booking.
    private func admit(_ id: BookingID, _ request: Request, _ context: IngressContext) async throws -> (UserID?, HTTPFields) {
        let query = request.uri.queryParameters
        guard request.headers[.authorization] == nil, let signature = query["signature"] else {
            let token = try services.authenticate(request)
            return (token.user, try await services.limiter.admit("ticket", user: token, request, context))
        }
        let headers = try await services.limiter.admit("ticket", user: nil, request, context)
        do {
            try services.tickets.check(link: id, expires: String(query["expires"] ?? ""), signature: String(signature), now: .now)
        } catch {
            let reason = error.code == .expired ? "has expired" : "is not one of ours"
            throw APIError(.unauthorized, "The link \(reason); sign in to see the ticket.", field: "signature", reason: reason)
        }
        return (nil, headers)
    }

    /// All places, or the one that `seat` names: its number, from 1, or the seat's id.
    private static func chosen(_ booking: Booking, _ request: Request, _ format: TicketFormat) throws(APIError) -> [Ticket] {
        let tickets = booking.tickets
        guard let wanted = request.uri.queryParameters["seat"] else {
            guard tickets.count == 1 || format == .json || format == .html else {
                throw APIError(
                    .validation, "The booking has several tickets, and an image shows one.", field: "seat",
                    reason: "must be a number from 1 to \(tickets.count), or the id of one of its seats")
            }
            return tickets
        }
        let place = Int(wanted).map { $0 - 1 } ?? SeatID(wanted).flatMap { booking.seats.firstIndex(of: $0) }
        guard let place, tickets.indices.contains(place) else {
            throw APIError(.notFound, "The booking has no such seat.", field: "seat", reason: "is none of its \(tickets.count)")
        }
        return [tickets[place]]
    }

    private func details(of booking: Booking) async throws(APIError) -> TicketDetails {
        let found: TicketDetails?
        do {
            found = try await TicketDetails.read(of: booking, from: database)
        } catch {
            throw .unavailable()
        }
        guard let found else { throw APIError(.notFound, "The show of the booking is not in the catalogue.", field: "id", reason: "has no show") }
        return found
    }

    private static func locale(_ request: Request) throws(APIError) -> TicketLocale {
        guard let named = request.uri.queryParameters["lang"] else { return TicketLocale(accepting: request.headers[.acceptLanguage]) }
        guard let locale = TicketLocale(rawValue: String(named)) else {
            let known = TicketLocale.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError(.validation, "The request is not valid.", field: "lang", reason: "must be one of \(known)")
        }
        return locale
    }

    private static func noTicket(_ status: BookingStatus) -> APIError {
        let message = status == .reserved ? "There is a ticket once the booking is paid." : "There is no ticket: the booking is \(status.rawValue)."
        return APIError(.invalidState, message, field: "id", reason: "is \(status.rawValue)")
    }
}
