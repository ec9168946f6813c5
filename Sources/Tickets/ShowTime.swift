public import Domain
import Foundation

/// Moments as the people at a venue read them.
public enum ShowTime {
    /// A moment by the venue's clock, with the name of its time zone: `Friday, 1 January 2027 at 19:30 (GMT+7)`; in Thai by the Buddhist calendar.
    /// - Parameter timeZone: an IANA name; one that is not known is taken for UTC, which the text then says.
    public static func text(_ moment: Timestamp, timeZone: String, locale: TicketLocale) -> String {
        let zone = TimeZone(identifier: timeZone) ?? .gmt
        let date = Date(timeIntervalSince1970: Double(moment.ms) / 1000)
        let formatter = DateFormatter()
        formatter.timeZone = zone
        switch locale {
        case .en:
            formatter.locale = Locale(identifier: "en_GB")
            formatter.calendar = Calendar(identifier: .gregorian)
            formatter.dateFormat = "EEEE, d MMMM yyyy 'at' HH:mm"
        case .th:
            formatter.locale = Locale(identifier: "th_TH")
            formatter.calendar = Calendar(identifier: .buddhist)
            formatter.dateFormat = "EEEE'ที่' d MMMM 'พ.ศ.' yyyy 'เวลา' HH:mm 'น.'"
        }
        return "\(formatter.string(from: date)) (\(offset(of: zone, at: date)))"
    }

    /// A moment with the venue's offset, RFC 3339: `2027-01-01T19:30:00+07:00`.
    public static func rfc3339(_ moment: Timestamp, timeZone: String) -> String {
        let zone = TimeZone(identifier: timeZone) ?? .gmt
        let seconds = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(moment.ms) / 1000))
        let local = Timestamp(ms: moment.ms + Int64(seconds) * 1000).description.prefix(19)
        return "\(local)\(sign(seconds))\(two(abs(seconds) / 3600)):\(two(abs(seconds) / 60 % 60))"
    }

    private static func offset(of zone: TimeZone, at date: Date) -> String {
        let seconds = zone.secondsFromGMT(for: date)
        if seconds == 0 { return "UTC" }
        let minutes = abs(seconds) / 60 % 60
        return "UTC\(sign(seconds))\(abs(seconds) / 3600)" + (minutes == 0 ? "" : ":\(two(minutes))")
    }

    private static func sign(_ seconds: Int) -> String { seconds < 0 ? "-" : "+" }
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
