/// Writes values in PostgreSQL's text form, straight into one byte buffer.
struct PostgresTextEncoder {
    /// What was written so far.
    var bytes: [UInt8] = []

    /// False when the value cannot be sent: a text with a NUL character.
    mutating func append(_ value: PostgresValue) -> Bool {
        switch value {
        case .null: return true
        case .text(let text): return appendText(text)
        case .int(let number): appendDecimal(number)
        case .double(let number): appendDouble(number)
        case .bool(let flag): bytes.append(flag ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .bytes(let value):
            bytes.append(UInt8(ascii: "\\"))
            appendHex(value)
        case .textArray(let elements): return appendArray(elements) { $0.appendQuoted($1) }
        case .intArray(let elements):
            bytes.reserveCapacity(bytes.count + elements.count * 12)
            return appendArray(elements) { encoder, number in
                encoder.appendDecimal(number)
                return true
            }
        case .doubleArray(let elements):
            return appendArray(elements) { encoder, number in
                encoder.appendDouble(number)
                return true
            }
        case .boolArray(let elements):
            return appendArray(elements) { encoder, flag in
                encoder.bytes.append(flag ? UInt8(ascii: "t") : UInt8(ascii: "f"))
                return true
            }
        case .bytesArray(let elements):
            return appendArray(elements) { encoder, value in
                // In an array literal a backslash is written twice.
                encoder.bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\\")])
                encoder.appendHex(value)
                return true
            }
        }
        return true
    }

    private mutating func appendArray<Element>(_ elements: [Element?], _ append: (inout Self, Element) -> Bool) -> Bool {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for element in elements {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            if let element {
                guard append(&self, element) else { return false }
            } else {
                bytes.append(contentsOf: [UInt8(ascii: "N"), UInt8(ascii: "U"), UInt8(ascii: "L"), UInt8(ascii: "L")])
            }
        }
        bytes.append(UInt8(ascii: "}"))
        return true
    }

    private mutating func appendText(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { utf8 in
            bytes.append(contentsOf: utf8)
            return !utf8.contains(0)
        }
    }

    /// An array element: always quoted, because a bare `NULL`, an empty text or a comma would mean something else.
    private mutating func appendQuoted(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { utf8 in
            bytes.append(UInt8(ascii: "\""))
            defer { bytes.append(UInt8(ascii: "\"")) }
            var isPlain = true
            for byte in utf8 {
                if byte == 0 { return false }
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { isPlain = false }
            }
            if isPlain {
                bytes.append(contentsOf: utf8)
                return true
            }
            for byte in utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                bytes.append(byte)
            }
            return true
        }
    }

    /// `x` and two digits per byte; the caller has written the backslash.
    private mutating func appendHex(_ value: [UInt8]) {
        bytes.reserveCapacity(bytes.count + value.count * 2 + 1)
        bytes.append(UInt8(ascii: "x"))
        for byte in value {
            bytes.append(Self.hexDigits[Int(byte >> 4)])
            bytes.append(Self.hexDigits[Int(byte & 15)])
        }
    }

    private mutating func appendDecimal(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        bytes[start...].reverse()
    }

    private mutating func appendDouble(_ value: Double) {
        let text = if value.isNaN { "NaN" } else if value.isInfinite { value < 0 ? "-Infinity" : "Infinity" } else { "\(value)" }
        bytes.append(contentsOf: text.utf8)
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
