public import Domain

/// A month of UTC: what `events_raw` is divided by.
public struct Month: Sendable, Hashable, Comparable {
    /// Months since the year 0.
    private let number: Int

    private init(number: Int) {
        self.number = number
    }

    /// The month of a moment.
    public init(_ moment: Timestamp) {
        let date = moment.description.utf8.prefix(7).map { Int($0) - 48 }
        let year = date[0] * 1000 + date[1] * 100 + date[2] * 10 + date[3]
        number = year * 12 + date[5] * 10 + date[6] - 1
    }

    /// - Parameter month: 1 to 12.
    init(year: Int, month: Int) {
        number = year * 12 + month - 1
    }

    /// So many months later, or earlier.
    public func advanced(by months: Int) -> Month { Month(number: number + months) }

    public static func < (left: Month, right: Month) -> Bool { left.number < right.number }

    /// Its first day, `2026-11-01`.
    public var firstDay: String { "\(text("-"))-01" }

    /// Reads ``firstDay``.
    init?(firstDay: String) {
        let parts = firstDay.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3, (1...12).contains(parts[1]) else { return nil }
        self.init(year: parts[0], month: parts[1])
    }

    /// Its first moment.
    var begin: Timestamp { Timestamp(rfc3339: "\(firstDay)T00:00:00Z") ?? Timestamp(ms: 0) }

    /// Its partition of `events_raw`.
    var partition: String { "events_raw_\(text("_"))" }

    private func text(_ separator: String) -> String {
        let month = number % 12 + 1
        return "\(number / 12)\(separator)\(month < 10 ? "0" : "")\(month)"
    }
}

/// How long analytics keeps what it has.
public enum AnalyticsRetention {
    /// Whole months beside the one that is running: two years.
    public static let months = 24
    /// How long minutes are kept.
    public static let minutes: Duration = .seconds(3 * 3600)
    /// Months for which there are partitions before they begin.
    static let ahead = 2

    /// The first month that is kept. What is older is passed over wherever it comes from, also when the topics are read again.
    public static func firstMonth(now: Timestamp) -> Month { Month(now).advanced(by: -months) }

    /// The first minute that is kept.
    public static func firstMinute(now: Timestamp) -> Timestamp {
        Timestamp(ms: now.ms - Int64(minutes / .milliseconds(1))).floored(to: Timestamp.minuteMs)
    }
}
