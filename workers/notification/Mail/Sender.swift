import CurlClient

/// Who the mails are from, `MAIL_FROM`.
struct Sender: Sendable {
    let name: String?
    let address: String

    /// Reads `Name <address>`, or an address alone; nil for anything else.
    init?(_ text: String) {
        if text.hasSuffix(">"), let open = text.lastIndex(of: "<") {
            address = String(text[text.index(after: open)...].dropLast())
            var name = text[..<open]
            while name.last == " " { name.removeLast() }
            if name.count >= 2, name.first == "\"", name.last == "\"" { name = name.dropFirst().dropLast() }
            self.name = name.isEmpty ? nil : String(name)
        } else {
            (name, address) = (nil, text)
        }
        guard SMTPMessage.isAddress(address) else { return nil }
    }

    /// The right side of the address.
    var domain: String { String(address.split(separator: "@").last ?? "localhost") }
}
