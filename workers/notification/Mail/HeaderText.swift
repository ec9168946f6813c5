/// Text in the headers of a mail (RFC 5322, 2047).
enum HeaderText {
    /// Octets of text in one encoded word, so that with its frame it has at most 75.
    private static let wordBytes = 42

    /// A text for `Subject` and the like; what is not printable ASCII becomes encoded words in UTF-8, and control characters become blanks: nothing can
    /// begin a header of its own, not even where a reader decodes first.
    static func encode(_ text: String) -> String {
        let text = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
        let isPlain = text.utf8.allSatisfy { (0x20...0x7e).contains($0) } && text.utf8.count <= 60 && !text.contains("=?")
        if isPlain { return text }
        var words: [String] = []
        var word: [UInt8] = []
        for character in text {
            let bytes = Array(String(character).utf8)
            if word.count + bytes.count > wordBytes, !word.isEmpty {
                words.append(encodedWord(word))
                word = []
            }
            // A character of many code points may be longer than a word; it is cut between code points.
            if bytes.count > wordBytes {
                for scalar in character.unicodeScalars {
                    let part = Array(String(scalar).utf8)
                    if word.count + part.count > wordBytes {
                        words.append(encodedWord(word))
                        word = []
                    }
                    word += part
                }
            } else {
                word += bytes
            }
        }
        if !word.isEmpty { words.append(encodedWord(word)) }
        return words.joined(separator: "\r\n ")
    }

    /// `Name <address>`, or the address alone.
    static func mailbox(name: String?, address: String) -> String {
        guard let name, !name.isEmpty else { return "<\(address)>" }
        let isAtom = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == 0x20
        }
        return (isAtom && name.utf8.count <= 60 ? name : encodedName(name)) + " <\(address)>"
    }

    // Also plain names with marks in them, which would need quotes.
    private static func encodedName(_ name: String) -> String {
        let encoded = encode(name)
        return encoded.hasPrefix("=?") ? encoded : encodedWord(Array(encoded.utf8))
    }

    private static func encodedWord(_ bytes: [UInt8]) -> String { "=?utf-8?b?\(Base64.encode(bytes))?=" }
}
