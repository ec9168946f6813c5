/// `application/x-www-form-urlencoded` with Stripe's nested keys, such as `metadata[booking_id]`.
struct FormBody {
    private(set) var bytes: [UInt8] = []

    /// Adds a field.
    mutating func append(_ name: String, _ value: String) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: "&")) }
        FormBody.encode(name, to: &bytes, keeping: "[]")
        bytes.append(UInt8(ascii: "="))
        FormBody.encode(value, to: &bytes, keeping: "")
    }

    /// Adds `name[key]=value` for each, in the order of the keys: a repetition under the same idempotency key has the same bytes.
    mutating func append(_ name: String, _ values: [String: String]) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { append("\(name)[\(key)]", value) }
    }

    /// Percent-encoding of all but RFC 3986's unreserved characters; also fit for a path.
    static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        encode(text, to: &bytes, keeping: "")
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func encode(_ text: String, to bytes: inout [UInt8], keeping: StaticString) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
                bytes.append(byte)
            case _ where keeping.withUTF8Buffer { $0.contains(byte) }: bytes.append(byte)
            default:
                bytes.append(UInt8(ascii: "%"))
                bytes.append(hexDigits[Int(byte >> 4)])
                bytes.append(hexDigits[Int(byte & 15)])
            }
        }
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
}
