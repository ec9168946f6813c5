public import Domain

/// A row of figures: an event of a tenant, a minute or a day, and a currency.
public struct FigureKey: Sendable, Hashable {
    public let tenant: TenantID
    public let event: EventID
    /// The begin of the minute or of the day, in UTC.
    public let start: Timestamp
    /// ISO 4217; empty for what has no price.
    public let currency: String

    public init(tenant: TenantID, event: EventID, start: Timestamp, currency: String) {
        self.tenant = tenant
        self.event = event
        self.start = start
        self.currency = currency
    }

    /// The row of the whole day.
    var day: FigureKey { FigureKey(tenant: tenant, event: event, start: start.floored(to: Timestamp.dayMs), currency: currency) }
}

extension Timestamp {
    static let minuteMs: Int64 = 60_000
    static let dayMs: Int64 = 86_400_000

    /// The begin of the minute or day that it is in. Moments before 1970 do not occur.
    func floored(to unitMs: Int64) -> Timestamp { Timestamp(ms: ms - ms % unitMs) }
}

extension AnalyticsEvent {
    /// The row of its minute; `nil` for what belongs to no event.
    var minute: FigureKey? {
        event.map { FigureKey(tenant: tenant, event: $0, start: at.floored(to: Timestamp.minuteMs), currency: currency) }
    }
}
