import Crypto
import Domain

/// A mail with a text, the same as HTML, and the images that the HTML shows: what it is made of gives the same bytes each time.
struct MIMEMessage: Sendable {
    /// An image within the HTML.
    struct Image: Sendable {
        /// By which the HTML names it, `cid:…`, without the angle brackets.
        let contentID: String
        let fileName: String
        /// PNG.
        let bytes: [UInt8]
    }

    var from: (name: String?, address: String)
    var to: (name: String?, address: String)
    var subject: String
    var date: Timestamp
    /// Without the angle brackets.
    var messageID: String
    /// RFC 5646.
    var language: String
    var text: String
    var html: String
    var images: [Image]

    /// The mail as it is handed to a server (RFC 5322, 2045), lines ended by CR LF.
    var bytes: [UInt8] {
        var head: [(String, String)] = [
            ("Date", Self.date(date)), ("From", HeaderText.mailbox(name: from.name, address: from.address)),
            ("To", HeaderText.mailbox(name: to.name, address: to.address)), ("Subject", HeaderText.encode(subject)),
            ("Message-ID", "<\(messageID)>"), ("Content-Language", language),
            // No vacation notes, please (RFC 3834).
            ("Auto-Submitted", "auto-generated"), ("MIME-Version", "1.0"),
        ]
        let body = Part.multipart(
            "alternative", boundary("alternative"),
            [
                .text("plain", text),
                images.isEmpty ? .text("html", html) : .multipart("related", boundary("related"), [.text("html", html)] + images.map { .image($0) }),
            ])
        head += body.headers
        return Array(head.map { "\($0): \($1)\r\n" }.joined().utf8) + [13, 10] + body.content
    }

    /// What separates the parts: it follows from the id, and is in no part, as base 64 and quoted-printable have no `=_`.
    private func boundary(_ purpose: String) -> String {
        "=_" + SHA256.hash(data: Array("\(purpose)/\(messageID)".utf8)).prefix(12).map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }

    private static func date(_ moment: Timestamp) -> String { "\(moment.httpDate.dropLast(3))+0000" }

    private struct Part {
        var headers: [(String, String)]
        var content: [UInt8]

        static func text(_ kind: String, _ text: String) -> Part {
            let bytes = Array(text.utf8)
            let type = ("Content-Type", "text/\(kind); charset=utf-8")
            // What is mostly ASCII stays readable as it is; other scripts would be thrice as long.
            if bytes.count(where: { $0 >= 0x80 }) * 6 > bytes.count {
                return Part(headers: [type, ("Content-Transfer-Encoding", "base64")], content: Base64.lines(bytes))
            }
            return Part(headers: [type, ("Content-Transfer-Encoding", "quoted-printable")], content: QuotedPrintable.encode(text))
        }

        static func image(_ image: Image) -> Part {
            Part(
                headers: [
                    ("Content-Type", "image/png; name=\"\(image.fileName)\""), ("Content-Transfer-Encoding", "base64"),
                    ("Content-ID", "<\(image.contentID)>"), ("Content-Disposition", "inline; filename=\"\(image.fileName)\""),
                ], content: Base64.lines(image.bytes))
        }

        static func multipart(_ kind: String, _ boundary: String, _ parts: [Part]) -> Part {
            var content: [UInt8] = []
            for part in parts {
                content += Array("--\(boundary)\r\n".utf8)
                content += Array(part.headers.map { "\($0): \($1)\r\n" }.joined().utf8) + [13, 10]
                content += part.content
                content += [13, 10]
            }
            content += Array("--\(boundary)--\r\n".utf8)
            return Part(headers: [("Content-Type", "multipart/\(kind); boundary=\"\(boundary)\"")], content: content)
        }
    }
}
