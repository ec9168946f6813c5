import Domain
import Logging
import PostgresClient
import Telemetry
import Tickets
import WorkerRuntime

/// Brings one letter to its end: writes it, sends it, and ends its row.
struct Notifier: Sendable {
    let database: PostgresClient
    let store: NotificationStore
    let templates: TemplateBook
    let teller: Teller
    let mail: MailSender
    /// SMS and push; nil when nobody takes them.
    let webhooks: WebhookSender?
    let metrics: NotificationMetrics
    /// Called between any two effects.
    let checkpoint: @Sendable (StaticString) throws -> Void

    /// Sends a letter. Each line may be the last before a crash; then the row says sending, and the letter goes again as it was.
    /// - Throws: what another try may mend, or an outage.
    func deliver(_ letter: Letter) async throws {
        let started = ContinuousClock.now
        let verdict = try await send(letter)
        metrics.sent(letter.channel, verdict, after: ContinuousClock.now - started)
        try checkpoint("handed over")
        try await store.end(letter, verdict)
    }

    private func send(_ letter: Letter) async throws -> Verdict {
        guard let address = letter.recipient.address(on: letter.channel) else { return .failed("no_address") }
        guard let tale = try await tale(letter) else { return .failed("no_event") }
        var values = tale.values
        values["name"] = letter.recipient.name
        let script = templates.script(letter.notice.occasion, letter.recipient.locale, values: values)
        try checkpoint("written")
        guard letter.channel != .email else { return try await mail.send(letter, to: address, script, tale) }
        guard let webhooks else { return .failed("not_configured") }
        return try await webhooks.send(letter, to: address, script)
    }

    /// What there is to tell; nil when the catalogue does not know the event.
    private func tale(_ letter: Letter) async throws -> Tale? {
        switch letter.notice.subject {
        case .booking(let booking):
            guard let details = try await TicketDetails.read(of: booking, from: database) else { return nil }
            return try teller.tale(of: booking, details, occasion: letter.notice.occasion, for: letter.recipient)
        case .payment(let payment):
            return try await EventDetails.read(payment.event, from: database).map { teller.tale(of: payment, $0, for: letter.recipient) }
        case .place(let place):
            return try await EventDetails.read(place.event, from: database).map { teller.tale(of: place, $0, for: letter.recipient) }
        }
    }
}
