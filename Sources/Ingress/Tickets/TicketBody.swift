import Domain
import Tickets

/// How tickets look in an answer.
enum TicketBody {
    /// - Parameter details: nil while the catalogue cannot be read.
    static func write(_ writer: inout JSONWriter, _ booking: Booking, _ tickets: [Ticket], _ details: TicketDetails?, _ signer: TicketSigner) {
        writer.object {
            $0.member("booking_id", booking.id)
            $0.member("ticket_reference", booking.id.ticketReference)
            writeShow(&$0, booking, details)
            $0.member("quantity", booking.quantity)
            $0.key("tickets")
            $0.array {
                for ticket in tickets {
                    $0.object {
                        writePlace(&$0, booking, ticket, details)
                        $0.member("code", signer.code(of: ticket))
                        let use = booking.used.first { $0.place == ticket.place }
                        $0.member("used_at", ifPresent: use?.at.description)
                        for format in [TicketFormat.svg, .png] {
                            let link = "/api/v1/bookings/\(booking.id)/ticket?format=\(format.rawValue)&seat=\(ticket.place + 1)"
                            if format == .svg { $0.member("svg", link) } else { $0.member("png", link) }
                        }
                    }
                }
            }
        }
    }

    /// What was shown at the door, and when that was.
    static func write(_ writer: inout JSONWriter, admitted ticket: Ticket, _ booking: Booking, _ details: TicketDetails?, at: Timestamp) {
        writer.object {
            $0.member("booking_id", booking.id)
            writePlace(&$0, booking, ticket, details)
            writeShow(&$0, booking, details)
            $0.member("used_at", at.description)
        }
    }

    private static func writeShow(_ writer: inout JSONWriter, _ booking: Booking, _ details: TicketDetails?) {
        writer.member("event_id", booking.event)
        writer.member("show_id", booking.show)
        writer.member("zone_id", booking.zone)
        guard let details else { return }
        writer.member("event", details.title)
        writer.member("venue", ifPresent: details.venue)
        writer.member("city", ifPresent: details.city)
        writer.member("zone", details.zone)
        writer.member("starts_at", details.startsAt.description)
        writer.member("starts_at_local", ShowTime.rfc3339(details.startsAt, timeZone: details.timeZone))
        writer.member("time_zone", details.timeZone)
    }

    private static func writePlace(_ writer: inout JSONWriter, _ booking: Booking, _ ticket: Ticket, _ details: TicketDetails?) {
        writer.member("ticket", ticket.reference)
        writer.member("number", ticket.place + 1)
        guard let seat = booking.seat(of: ticket) else { return }
        writer.member("seat_id", seat)
        guard let name = details?.seats[seat] else { return }
        writer.member("section", name.section)
        writer.member("row", name.row)
        writer.member("seat", name.number)
    }
}
