import BookingEngine
import Domain
import Hummingbird

/// Which days a report is about, both included. Days are those of UTC, as the figures are.
struct AnalyticsPeriod: Equatable {
    /// Days of a period, at most, and where none is named.
    static let days = (longest: 366, usual: 30)
    private static let dayMs: Int64 = 86_400_000

    /// `2026-11-21`
    let from: String
    let until: String

    /// Reads `from` and `until` of the query.
    /// - Throws: 400 that names the field.
    init(_ request: Request, now: Timestamp = Timestamp(ms: BookingEngine.wallClockMs())) throws(APIError) {
        let until = try Self.day("until", request) ?? Timestamp(ms: now.ms - now.ms % Self.dayMs)
        let from = try Self.day("from", request) ?? Timestamp(ms: until.ms - Int64(Self.days.usual - 1) * Self.dayMs)
        guard from <= until else { throw Self.refusal("from", "must not be after until") }
        guard until.ms - from.ms < Int64(Self.days.longest) * Self.dayMs else {
            throw Self.refusal("from", "must be at most \(Self.days.longest) days before until")
        }
        (self.from, self.until) = (Self.text(from), Self.text(until))
    }

    private static func day(_ name: Substring, _ request: Request) throws(APIError) -> Timestamp? {
        guard let text = request.uri.queryParameters[name] else { return nil }
        guard text.utf8.count == 10, let day = Timestamp(rfc3339: "\(text)T00:00:00Z") else {
            throw refusal(name, "must be a day, as 2026-11-21")
        }
        return day
    }

    /// Reads a number of the query.
    /// - Throws: 400 that names the field.
    static func number(_ name: Substring, _ request: Request, default usual: Int, in range: ClosedRange<Int>) throws(APIError) -> Int {
        guard let text = request.uri.queryParameters[name] else { return usual }
        guard let number = Int(text), range.contains(number) else {
            throw refusal(name, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func refusal(_ field: Substring, _ reason: String) -> APIError {
        APIError(.validation, "The request is not valid.", field: String(field), reason: reason)
    }

    private static func text(_ day: Timestamp) -> String { String(day.description.prefix(10)) }
}
