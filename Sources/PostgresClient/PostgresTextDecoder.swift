/// Reads the text forms that are more than digits.
enum PostgresTextDecoder {
    /// `\x` and two hexadecimal digits per byte (`bytea_output` is set to hex on connect).
    static func bytea(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count >= 2, text.count % 2 == 0, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x") else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = nibble(text[index]), let low = nibble(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// `{a,"b \"c\"",NULL}`; one dimension, lower bound 1.
    static func array(_ text: UnsafeRawBufferPointer) -> [String?]? {
        guard text.count >= 2, text[0] == UInt8(ascii: "{"), text[text.count - 1] == UInt8(ascii: "}") else { return nil }
        var elements: [String?] = []
        var index = 1
        let end = text.count - 1
        while index < end {
            var element: [UInt8] = []
            let isQuoted = text[index] == UInt8(ascii: "\"")
            if isQuoted { index += 1 }
            var isClosed = !isQuoted
            while index < end {
                let byte = text[index]
                if byte == UInt8(ascii: "\\"), index + 1 < end {
                    element.append(text[index + 1])
                    index += 2
                    continue
                }
                if isQuoted, byte == UInt8(ascii: "\"") {
                    isClosed = true
                    index += 1
                    break
                }
                if !isQuoted {
                    if byte == UInt8(ascii: ",") { break }
                    if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "\"") { return nil }
                }
                element.append(byte)
                index += 1
            }
            guard isClosed else { return nil }
            let value = String(decoding: element, as: UTF8.self)
            elements.append(!isQuoted && value == "NULL" ? nil : value)
            if index < end {
                guard text[index] == UInt8(ascii: ","), index + 1 < end else { return nil }
                index += 1
            }
        }
        return elements
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
