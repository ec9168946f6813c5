import Foundation

/// A moment of this machine's wall clock, which Redis' `TIME` is too; in milliseconds since 1970.
public struct WallClock: Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let ms: Int64

    /// A moment.
    public init(ms: Int64) {
        self.ms = ms
    }

    /// Reads RFC 3339 with fractions of seconds, as every answer of the API writes it; nil for anything else.
    public init?(_ text: String?) {
        guard let text, let date = try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text) else { return nil }
        ms = Int64((date.timeIntervalSince1970 * 1000).rounded())
    }

    /// This moment.
    public static var now: WallClock { WallClock(ms: Int64(Date().timeIntervalSince1970 * 1000)) }

    public static func < (left: WallClock, right: WallClock) -> Bool { left.ms < right.ms }

    /// A moment so much later, or earlier.
    public func advanced(byMs ms: Int64) -> WallClock { WallClock(ms: self.ms + ms) }
}
