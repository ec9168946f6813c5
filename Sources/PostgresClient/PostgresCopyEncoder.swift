/// Writes rows in COPY's text format: fields between tabs, `\N` for NULL, and backslash, tab, newline and carriage return escaped.
struct PostgresCopyEncoder {
    /// The rows so far; the sender empties it.
    var bytes: [UInt8] = []
    private var scratch = PostgresTextEncoder()

    /// False when a field cannot be sent: a text with a NUL character.
    mutating func append(_ row: [PostgresValue]) -> Bool {
        var isFirst = true
        for value in row {
            if !isFirst { bytes.append(UInt8(ascii: "\t")) }
            isFirst = false
            if case .null = value {
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(UInt8(ascii: "N"))
                continue
            }
            scratch.bytes.removeAll(keepingCapacity: true)
            guard scratch.append(value) else { return false }
            appendEscaped()
        }
        bytes.append(UInt8(ascii: "\n"))
        return true
    }

    private mutating func appendEscaped() {
        scratch.bytes.withUnsafeBufferPointer { field in
            var plainFrom = 0
            for index in field.indices {
                let letter: UInt8
                switch field[index] {
                case UInt8(ascii: "\\"): letter = UInt8(ascii: "\\")
                case UInt8(ascii: "\t"): letter = UInt8(ascii: "t")
                case UInt8(ascii: "\n"): letter = UInt8(ascii: "n")
                case UInt8(ascii: "\r"): letter = UInt8(ascii: "r")
                default: continue
                }
                bytes.append(contentsOf: field[plainFrom..<index])
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(letter)
                plainFrom = index + 1
            }
            bytes.append(contentsOf: field[plainFrom...])
        }
    }
}
