extension Timestamp {
    /// Reads RFC 3339, `2026-11-21T10:00:00.250Z`, with any offset; `nil` for anything else. What is finer than a millisecond is cut off.
    public init?(rfc3339 text: some StringProtocol) {
        var reader = Reader(bytes: Array(text.utf8))
        guard let ms = reader.read() else { return nil }
        self.init(ms: ms)
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        mutating func read() -> Int64? {
            guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2), take("T") || take("t") || take(" "),
                let hour = digits(2), take(":"), let minute = digits(2), take(":"), let second = digits(2)
            else { return nil }
            guard (1...12).contains(month), (1...Self.days(month, of: year)).contains(day), hour < 24, minute < 60, second <= 60 else { return nil }
            var millis: Int64 = 0
            if take(".") {
                var unit: Int64 = 100
                guard let first = digits(1) else { return nil }
                millis = first * unit
                while let digit = digits(1) {
                    unit /= 10
                    millis += digit * unit
                }
            }
            guard let offset = offset(), position == bytes.count else { return nil }
            let seconds = Self.daysFromEpoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
            return seconds * 1_000 + millis
        }

        /// Seconds east of Greenwich.
        private mutating func offset() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let sign: Int64 = take("-") ? -1 : take("+") ? 1 : 0
            guard sign != 0, let hours = digits(2), take(":"), let minutes = digits(2), hours < 24, minutes < 60 else { return nil }
            return sign * (hours * 3_600 + minutes * 60)
        }

        private mutating func digits(_ count: Int) -> Int64? {
            guard position + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[position..<position + count] {
                guard byte &- UInt8(ascii: "0") < 10 else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            position += count
            return value
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        private static func days(_ month: Int64, of year: Int64) -> Int64 {
            switch month {
            case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        }

        /// A date of the Gregorian calendar to days since the epoch (Howard Hinnant, "chrono-compatible low-level date algorithms").
        private static func daysFromEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
            let shifted = month <= 2 ? year - 1 : year
            let era = (shifted >= 0 ? shifted : shifted - 399) / 400
            let yearOfEra = shifted - era * 400
            let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
            let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            return era * 146_097 + dayOfEra - 719_468
        }
    }
}
