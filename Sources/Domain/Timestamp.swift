/// A moment as milliseconds since 1970-01-01T00:00:00Z, as Redis and the topics keep it; printed as RFC 3339 for people.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since the Unix epoch.
    public let ms: Int64

    public init(ms: Int64) {
        self.ms = ms
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.ms < right.ms }

    /// As HTTP's `Date` header has it (RFC 9110, section 5.6.7), `Sat, 21 Nov 2026 10:00:00 GMT`; not for moments before 1970.
    public var httpDate: String {
        let days = Int(ms / 86_400_000)
        let seconds = Int(ms / 1000) % 86_400
        let (year, month, date) = Self.civil(fromDays: days)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let time = "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        // 1970-01-01 was a Thursday.
        return "\(Self.weekdays[(days + 4) % 7]), \(two(date)) \(Self.months[month - 1]) \(year) \(time) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// RFC 3339 in UTC with milliseconds, `2026-11-21T10:00:00.250Z`.
    public var description: String {
        let day = ms >= 0 ? ms / 86_400_000 : (ms - 86_399_999) / 86_400_000
        let rest = Int(ms - day * 86_400_000)
        let (year, month, date) = Self.civil(fromDays: Int(day))
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let millis = rest % 1000
        let fraction = millis < 10 ? "00\(millis)" : millis < 100 ? "0\(millis)" : "\(millis)"
        return "\(year)-\(two(month))-\(two(date))T\(two(rest / 3_600_000)):\(two(rest / 60_000 % 60)):\(two(rest / 1000 % 60)).\(fraction)Z"
    }

    /// Days since the epoch to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
