import Logging

/// The bytes of one JSON log line, built without Foundation.
struct LogLine {
    /// A longer value is cut and ends in an ellipsis, so that one record cannot flood the log.
    static let maxValueBytes = 8 * 1024

    /// Depth of nested metadata that is written; what lies deeper is `null`.
    static let maxDepth = 8

    private static let reserved: Set<String> = ["timestamp", "level", "service", "logger", "message"]
    private static let masked = ["email", "phone", "token", "password", "secret", "authorization", "cookie", "card"]
    private static let hexadecimal = Array("0123456789abcdef".utf8)

    private(set) var bytes: [UInt8] = []

    mutating func begin(timestampMs: Int64, level: Logger.Level, service: String, label: String) {
        bytes.reserveCapacity(512)
        raw("{\"timestamp\":\"")
        appendTimestamp(timestampMs)
        raw("\",\"level\":\"")
        raw(level.rawValue)
        raw("\"")
        field("service", service)
        field("logger", label)
    }

    mutating func end() {
        raw("}\n")
    }

    mutating func field(_ name: String, _ value: String) {
        raw(",\"")
        escape(name)
        raw("\":\"")
        escape(value)
        raw("\"")
    }

    mutating func field(_ name: String, _ value: Logger.MetadataValue) {
        raw(",\"")
        if Self.reserved.contains(name) { raw("metadata.") }
        escape(name)
        raw("\":")
        append(value, key: name, depth: 0)
    }

    private mutating func append(_ value: Logger.MetadataValue, key: String, depth: Int) {
        guard !Self.isMasked(key) else { return raw("\"***\"") }
        guard depth < Self.maxDepth else { return raw("null") }
        switch value {
        case .string(let text): quote(text)
        case .stringConvertible(let number as any FixedWidthInteger & CustomStringConvertible): raw(number.description)
        case .stringConvertible(let flag as Bool): raw(flag ? "true" : "false")
        case .stringConvertible(let number as Double) where number.isFinite: raw("\(number)")
        case .stringConvertible(let object): quote(object.description)
        case .array(let items):
            raw("[")
            for (index, item) in items.enumerated() {
                if index > 0 { raw(",") }
                append(item, key: key, depth: depth + 1)
            }
            raw("]")
        case .dictionary(let items):
            raw("{")
            for (index, item) in items.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { raw(",") }
                quote(item.key)
                raw(":")
                append(item.value, key: item.key, depth: depth + 1)
            }
            raw("}")
        }
    }

    private static func isMasked(_ key: String) -> Bool {
        let lowercased = key.lowercased()
        return masked.contains { lowercased.contains($0) }
    }

    private mutating func quote(_ text: String) {
        raw("\"")
        escape(text)
        raw("\"")
    }

    private mutating func escape(_ text: String) {
        let start = bytes.count
        for scalar in text.unicodeScalars {
            if bytes.count - start >= Self.maxValueBytes { return raw("…") }
            switch scalar {
            case "\"": raw("\\\"")
            case "\\": raw("\\\\")
            case "\n": raw("\\n")
            case "\r": raw("\\r")
            case "\t": raw("\\t")
            case "\u{0}"..."\u{1f}", "\u{7f}":
                raw("\\u00")
                bytes.append(Self.hexadecimal[Int(scalar.value >> 4)])
                bytes.append(Self.hexadecimal[Int(scalar.value & 15)])
            default: bytes.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
            }
        }
    }

    private mutating func raw(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// RFC 3339 in UTC with milliseconds; the days to a date as in Howard Hinnant's `civil_from_days`.
    private mutating func appendTimestamp(_ timestampMs: Int64) {
        let days = timestampMs.flooredDivision(by: 86_400_000)
        let millisecondOfDay = Int(timestampMs - days * 86_400_000)
        let shifted = days + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        digits(Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), 4)
        raw("-")
        digits(month, 2)
        raw("-")
        digits(day, 2)
        raw("T")
        digits(millisecondOfDay / 3_600_000, 2)
        raw(":")
        digits(millisecondOfDay / 60_000 % 60, 2)
        raw(":")
        digits(millisecondOfDay / 1000 % 60, 2)
        raw(".")
        digits(millisecondOfDay % 1000, 3)
        raw("Z")
    }

    private mutating func digits(_ value: Int, _ width: Int) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            bytes.append(48 + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
