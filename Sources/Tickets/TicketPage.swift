import Crypto
public import Domain
import Mustache

/// A booking's tickets as one page of HTML that needs nothing else: to be shown at the door, printed, or attached to a mail.
public struct TicketPage: Sendable {
    /// The hash of the page's style sheet as a source of a Content-Security-Policy; nothing else on the page needs to be allowed.
    public static let styleSource = "'sha256-\(base64(Array(SHA256.hash(data: Array(style.utf8)))))'"

    public let booking: Booking
    public let details: TicketDetails
    public let signer: TicketSigner

    public init(booking: Booking, details: TicketDetails, signer: TicketSigner) {
        self.booking = booking
        self.details = details
        self.signer = signer
    }

    /// The page as HTML.
    /// - Parameter only: one place, or all.
    public func html(locale: TicketLocale = .en, only: Int? = nil) throws(TicketError) -> String {
        let template = try Self.template.get()
        var tickets: [[String: Any]] = []
        for ticket in booking.tickets where only == nil || only == ticket.place { tickets.append(try card(ticket, locale)) }
        var page: [String: Any] = locale.words
        page["style"] = Self.style
        page["lang"] = locale.rawValue
        page["title"] = details.title
        page["when"] = ShowTime.text(details.startsAt, timeZone: details.timeZone, locale: locale)
        page["starts"] = ShowTime.rfc3339(details.startsAt, timeZone: details.timeZone)
        page["where"] = details.place
        page["zone"] = details.zone
        page["count"] = booking.quantity
        page["tickets"] = tickets
        return template.render(page)
    }

    private func card(_ ticket: Ticket, _ locale: TicketLocale) throws(TicketError) -> [String: Any] {
        var card: [String: Any] = ["ordinal": ticket.place + 1, "reference": ticket.reference]
        card["qr"] = try QRCode.svg(signer.code(of: ticket), label: ticket.reference)
        if let seat = booking.seat(of: ticket).flatMap({ details.seats[$0] }) {
            card["seat"] = ["section": seat.section, "row": seat.row, "number": seat.number]
        }
        if let use = booking.used.first(where: { $0.place == ticket.place }) {
            card["used"] = ShowTime.text(use.at, timeZone: details.timeZone, locale: locale)
        }
        return card
    }

    /// Part of the page itself, so that a saved or mailed one needs nothing else.
    private static let style = String(decoding: PackageResources.ticket_css, as: UTF8.self)

    private static let template = Result { () throws(TicketError) in
        do {
            return try MustacheTemplate(string: String(decoding: PackageResources.ticket_html, as: UTF8.self))
        } catch {
            throw TicketError(.template, operation: "read the ticket's page", message: "\(error)")
        }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
            for index in 0..<4 { text.append(index <= part.count ? alphabet[bits >> (18 - 6 * index) & 63] : "=") }
        }
        return text
    }
}
