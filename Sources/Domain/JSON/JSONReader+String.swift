extension JSONReader {
    /// Reads a string; escapes are resolved, control characters, lone surrogates and invalid UTF-8 are refused.
    public mutating func string() throws(JSONError) -> String {
        skipSpace()
        guard peek() == UInt8(ascii: "\"") else { throw failure("must be a string") }
        position += 1
        let start = position
        var seen: UInt8 = 0
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                let end = position
                position += 1
                if seen < 0x80 { return asciiString(start..<end) }
                guard let text = String(validating: bytes[start..<end], as: UTF8.self) else { throw failure("is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw failure("has a control character")
            default:
                seen |= byte
                position += 1
            }
        }
        throw failure("is not JSON")
    }

    /// What is ASCII needs no check, and nearly everything is: `String(validating:as:)` is generic in the library and cost a tenth of a reserve.
    private func asciiString(_ range: Range<Int>) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self) }
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var buffer = Array(bytes[start..<position])
        while let byte = peek() {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: buffer, as: UTF8.self) else { throw failure("is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): try appendEscape(to: &buffer)
            case 0..<0x20: throw failure("has a control character")
            default: buffer.append(byte)
            }
        }
        throw failure("is not JSON")
    }

    private mutating func appendEscape(to buffer: inout [UInt8]) throws(JSONError) {
        guard let kind = peek() else { throw failure("is not JSON") }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(kind)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0c)
        case UInt8(ascii: "n"): buffer.append(0x0a)
        case UInt8(ascii: "r"): buffer.append(0x0d)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = try fourHexDigits()
            if scalar & 0xfc00 == 0xd800 {
                guard peek() == UInt8(ascii: "\\"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u") else {
                    throw failure("has half of a surrogate pair")
                }
                position += 2
                let second = try fourHexDigits()
                guard second & 0xfc00 == 0xdc00 else { throw failure("has half of a surrogate pair") }
                scalar = 0x10000 + (scalar & 0x3ff) << 10 + (second & 0x3ff)
            }
            guard let unicode = Unicode.Scalar(scalar) else { throw failure("has half of a surrogate pair") }
            buffer.append(contentsOf: Array(String(Character(unicode)).utf8))
        default: throw failure("has an unknown escape")
        }
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("is not JSON") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else { throw failure("has an unknown escape") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
