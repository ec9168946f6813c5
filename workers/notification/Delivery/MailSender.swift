import CurlClient
import Tickets

/// Writes mails and hands them to the server.
struct MailSender: Sendable {
    let clients: MailClients
    let server: SMTPServer
    let sender: Sender
    let templates: TemplateBook

    /// Sends one mail.
    /// - Returns: how it ended, where the server decided that for good.
    /// - Throws: `CurlError` for what another try may mend, and for a server that is away.
    func send(_ letter: Letter, to address: String, _ script: TemplateBook.Script, _ tale: Tale) async throws(CurlError) -> Verdict {
        guard SMTPMessage.isAddress(address) else { return .failed("bad_address") }
        let message = SMTPMessage(sender: sender.address, recipient: address, content: mail(letter, to: address, script, tale).bytes)
        do {
            try await clients.send(message, to: server)
            return .sent
        } catch {
            switch error.code {
            case .refused where error.reply?.stage == .recipient: return .failed("bad_address")
            case .refused: return .failed("refused")
            default: throw error
            }
        }
    }

    private func mail(_ letter: Letter, to address: String, _ script: TemplateBook.Script, _ tale: Tale) -> MIMEMessage {
        func imageID(_ place: Int) -> String { "ticket-\(place + 1).\(letter.messageID)" }
        let (text, html) = templates.mail(script, tale, letter.recipient, imageID: imageID)
        return MIMEMessage(
            from: (sender.name, sender.address), to: (letter.recipient.name, address), subject: script.subject, date: letter.createdAt,
            messageID: letter.messageID, language: letter.recipient.locale.rawValue, text: text, html: html,
            images: tale.tickets.indices.map { place in
                MIMEMessage.Image(
                    contentID: imageID(place), fileName: "ticket-\(tale.tickets[place].reference).png", bytes: tale.tickets[place].code)
            })
    }
}
