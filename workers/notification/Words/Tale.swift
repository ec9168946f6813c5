import Domain
import Tickets

/// What a notification says, before it has a form.
struct Tale: Sendable {
    /// One line of a mail's table.
    struct Fact: Sendable {
        let label: String
        let value: String
    }

    /// One ticket of an e-ticket.
    struct Ticket: Sendable {
        let reference: String
        /// Zone and seat in a line.
        let place: String
        /// PNG.
        let code: [UInt8]
    }

    /// What the templates can name.
    var values: [String: String] = [:]
    var facts: [Fact] = []
    var tickets: [Ticket] = []
    /// Where the tickets can be opened.
    var link: String?
}

/// Gathers what a notification says from its subject and the catalogue.
struct Teller: Sendable {
    let signer: TicketSigner
    /// Where users reach the service, without a slash at the end.
    let publicURL: String

    /// Of a booking, with its tickets if it is a confirmation.
    func tale(of booking: Booking, _ details: TicketDetails, occasion: Occasion, for recipient: Recipient) throws(TicketError) -> Tale {
        let (locale, words) = (recipient.locale, Words.of(recipient.locale))
        func time(_ moment: Timestamp) -> String { ShowTime.text(moment, timeZone: details.timeZone, locale: locale) }
        let total = Money.text(minor: booking.totalMinor, currency: booking.currency, locale: locale)
        let seats = booking.seats.compactMap { details.seats[$0] }.map { "\($0.row)\($0.number)" }.joined(separator: ", ")
        var tale = Tale()
        tale.values = [
            "title": details.title, "when": time(details.startsAt), "reference": booking.id.ticketReference, "quantity": String(booking.quantity),
            "total": total, "until": time(booking.expiresAt), "zone": details.zone,
        ]
        tale.values["where"] = details.place
        tale.values["places"] = booking.quantity == 1 ? "1 place" : "\(booking.quantity) places"
        tale.facts = [Tale.Fact(label: words.event, value: details.title), Tale.Fact(label: words.when, value: time(details.startsAt))]
        if let place = details.place { tale.facts.append(Tale.Fact(label: words.place, value: place)) }
        tale.facts += [
            Tale.Fact(label: words.zone, value: details.zone),
            Tale.Fact(label: words.seats, value: seats.isEmpty ? "\(booking.quantity) (\(words.general))" : seats),
            Tale.Fact(label: words.total, value: total), Tale.Fact(label: words.booking, value: booking.id.ticketReference),
        ]
        if occasion == .reserved { tale.facts.append(Tale.Fact(label: words.heldUntil, value: time(booking.expiresAt))) }
        guard occasion == .confirmed || occasion == .reminder else { return tale }
        tale.link = publicURL + signer.link(to: booking.id, expires: Timestamp(ms: details.endsAt.ms + Self.linkOutlivesShowMs))
        guard occasion == .confirmed else { return tale }
        for ticket in booking.tickets {
            let seat = booking.seat(of: ticket).flatMap { details.seats[$0] }
            let place = seat.map { "\(words.section) \($0.section), \(words.row) \($0.row), \(words.seat) \($0.number)" }
            tale.tickets.append(
                Tale.Ticket(
                    reference: ticket.reference, place: place ?? "\(details.zone), \(words.general)",
                    code: try QRCode.png(signer.code(of: ticket), pixelsPerModule: 6)))
        }
        return tale
    }

    /// Of a payment.
    func tale(of payment: Payment, _ details: EventDetails, for recipient: Recipient) -> Tale {
        let (locale, words) = (recipient.locale, Words.of(recipient.locale))
        let amount = Money.text(minor: payment.amountMinor, currency: payment.currency, locale: locale)
        let refunded = Money.text(minor: payment.refundedMinor, currency: payment.currency, locale: locale)
        var tale = Tale()
        tale.values = [
            "title": details.title, "amount": amount, "refunded": refunded, "reference": payment.booking.ticketReference,
            "when": ShowTime.text(payment.updatedAt, timeZone: details.timeZone, locale: locale),
        ]
        // Whole and part are told apart in the text.
        if payment.refundedMinor > 0, payment.refundedMinor < payment.amountMinor { tale.values["partial"] = refunded }
        tale.facts = [
            Tale.Fact(label: words.event, value: details.title), Tale.Fact(label: words.booking, value: payment.booking.ticketReference),
            Tale.Fact(label: words.amount, value: amount),
        ]
        if payment.refundedMinor > 0 { tale.facts.append(Tale.Fact(label: words.refunded, value: refunded)) }
        tale.facts += [
            Tale.Fact(label: words.paymentMethod, value: Words.method(payment.method.rawValue, locale)),
            Tale.Fact(label: words.when, value: ShowTime.text(payment.updatedAt, timeZone: details.timeZone, locale: locale)),
        ]
        return tale
    }

    /// Of a place at the head of a line.
    func tale(of place: QueuePlace, _ details: EventDetails, for recipient: Recipient) -> Tale {
        let words = Words.of(recipient.locale)
        let until = ShowTime.text(place.passExpiresAt ?? place.updatedAt, timeZone: details.timeZone, locale: recipient.locale)
        var tale = Tale()
        tale.values = ["title": details.title, "until": until]
        tale.facts = [Tale.Fact(label: words.event, value: details.title)]
        if let where_ = details.place { tale.facts.append(Tale.Fact(label: words.place, value: where_)) }
        tale.facts.append(Tale.Fact(label: words.passUntil, value: until))
        return tale
    }

    /// For how long after the show's end the link of a mail opens the tickets: a day.
    private static let linkOutlivesShowMs: Int64 = 86_400_000
}
