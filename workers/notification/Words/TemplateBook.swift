import Mustache
import Tickets
import WorkerRuntime

/// The templates that the binary carries. Each has three parts, separated by a line of `---`: the subject, the short text for SMS and push, and the
/// mail's paragraphs. One layout for text and one for HTML put the paragraphs between greeting and footer, so both say the same.
struct TemplateBook: Sendable {
    /// A notification's words.
    struct Script: Sendable {
        let subject: String
        let short: String
        let paragraphs: [String]
    }

    private struct Parts: Sendable {
        let subject, short, body: MustacheTemplate
    }

    private let parts: [String: Parts]
    private let text: MustacheTemplate
    private let html: MustacheTemplate

    /// - Throws: ``Failure`` that names a template which is not there or cannot be read: a fault of the build.
    init() throws {
        var parts: [String: Parts] = [:]
        for occasion in Occasion.allCases {
            for locale in TicketLocale.allCases {
                let name = Self.name(occasion, locale)
                guard let source = Self.sources[name] else { throw Self.fault(name, "is missing") }
                let texts = String(decoding: source, as: UTF8.self).split(separator: "\n---\n", omittingEmptySubsequences: false)
                guard texts.count == 3 else { throw Self.fault(name, "has \(texts.count) parts, not 3") }
                // Escaped where they are put into HTML, and only there.
                let templates = try texts.map { try Self.template(name, "{{% CONTENT_TYPE:TEXT}}" + $0) }
                parts[name] = Parts(subject: templates[0], short: templates[1], body: templates[2])
            }
        }
        self.parts = parts
        text = try Self.template("layout_text", "{{% CONTENT_TYPE:TEXT}}" + String(decoding: PackageResources.layout_text_mustache, as: UTF8.self))
        html = try Self.template("layout_html", String(decoding: PackageResources.layout_html_mustache, as: UTF8.self))
    }

    /// The words of a notification.
    func script(_ occasion: Occasion, _ locale: TicketLocale, values: [String: String]) -> Script {
        guard let parts = parts[Self.name(occasion, locale)] else { return Script(subject: "", short: "", paragraphs: []) }
        let body = parts.body.render(values)
        return Script(
            subject: Self.line(parts.subject.render(values)), short: Self.line(parts.short.render(values)),
            paragraphs: body.split(separator: "\n\n").map { Self.line(String($0)) }.filter { !$0.isEmpty })
    }

    /// A mail's text and HTML.
    /// - Parameter imageID: the content id of a ticket's image, by its place.
    func mail(_ script: Script, _ tale: Tale, _ recipient: Recipient, imageID: (Int) -> String) -> (text: String, html: String) {
        let words = Words.of(recipient.locale)
        var values: [String: Any] = [
            "lang": recipient.locale.rawValue, "subject": script.subject, "paragraphs": script.paragraphs, "footer": words.footer,
            "facts": tale.facts.map { ["label": $0.label, "value": $0.value] },
            "tickets": tale.tickets.indices.map { index in
                [
                    "image": imageID(index), "reference": tale.tickets[index].reference, "place": tale.tickets[index].place,
                    "label": "\(words.ticket) \(index + 1)",
                ]
            },
        ]
        if let link = tale.link { values["link"] = ["url": link, "label": words.openTicket] }
        // What comes before the first section leaves its line end.
        return (String(text.render(values).drop(while: \.isNewline)), html.render(values))
    }

    /// In one line, without blanks around it.
    private static func line(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }

    private static func name(_ occasion: Occasion, _ locale: TicketLocale) -> String { "\(occasion.rawValue)_\(locale.rawValue)" }

    private static func template(_ name: String, _ source: String) throws -> MustacheTemplate {
        do {
            return try MustacheTemplate(string: source)
        } catch {
            throw fault(name, "cannot be read: \(error)")
        }
    }

    private static func fault(_ name: String, _ reason: String) -> Failure {
        Failure(.fatal, label: "template", message: "the template \(name) \(reason)")
    }

    private static let sources: [String: [UInt8]] = [
        "reserved_en": PackageResources.reserved_en_mustache, "reserved_th": PackageResources.reserved_th_mustache,
        "confirmed_en": PackageResources.confirmed_en_mustache, "confirmed_th": PackageResources.confirmed_th_mustache,
        "expired_en": PackageResources.expired_en_mustache, "expired_th": PackageResources.expired_th_mustache,
        "event_cancelled_en": PackageResources.event_cancelled_en_mustache, "event_cancelled_th": PackageResources.event_cancelled_th_mustache,
        "receipt_en": PackageResources.receipt_en_mustache, "receipt_th": PackageResources.receipt_th_mustache,
        "payment_failed_en": PackageResources.payment_failed_en_mustache, "payment_failed_th": PackageResources.payment_failed_th_mustache,
        "refund_en": PackageResources.refund_en_mustache, "refund_th": PackageResources.refund_th_mustache,
        "queue_turn_en": PackageResources.queue_turn_en_mustache, "queue_turn_th": PackageResources.queue_turn_th_mustache,
        "reminder_en": PackageResources.reminder_en_mustache, "reminder_th": PackageResources.reminder_th_mustache,
    ]
}
