/// The fields of `application/x-www-form-urlencoded`, with Stripe's nested names.
struct FormFields {
    private(set) var fields: [(name: String, value: String)] = []

    /// Nil when the bytes are not such a form.
    init?(_ bytes: some Collection<UInt8>) {
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            guard let name = Self.decoded(part[..<(equals ?? part.endIndex)]),
                let value = Self.decoded(equals.map { part[part.index(after: $0)...] } ?? part[part.endIndex...])
            else { return nil }
            fields.append((name, value))
        }
    }

    /// The last value of a name.
    subscript(name: String) -> String? { fields.last { $0.name == name }?.value }

    /// The values of `name[]` and `name[0]`, `name[1]` ….
    func list(_ name: String) -> [String] {
        fields.compactMap { field in
            guard field.name.hasPrefix(name + "["), field.name.hasSuffix("]") else { return nil }
            let index = field.name.dropFirst(name.utf8.count + 1).dropLast()
            return index.isEmpty || Int(index) != nil ? field.value : nil
        }
    }

    /// `name[key]=value` as a dictionary; an empty value removes the key, as at Stripe.
    func dictionary(_ name: String) -> [String: String] {
        var values: [String: String] = [:]
        for field in fields where field.name.hasPrefix(name + "[") && field.name.hasSuffix("]") {
            let key = String(field.name.dropFirst(name.utf8.count + 1).dropLast())
            values[key] = field.value.isEmpty ? nil : field.value
        }
        return values
    }

    /// A hash of all fields, whatever their order (FNV-1a).
    func hash(path: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0xff) &* 0x100_0000_01b3
        }
        add(path)
        for field in fields.sorted(by: { ($0.name, $0.value) < ($1.name, $1.value) }) {
            add(field.name)
            add(field.value)
        }
        return Int64(bitPattern: hash)
    }

    private static func decoded(_ bytes: some Collection<UInt8>) -> String? {
        var text: [UInt8] = []
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+"): text.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else { return nil }
                text.append(high << 4 | low)
            default: text.append(byte)
            }
        }
        return String(validating: text, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? { Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init) }
}
