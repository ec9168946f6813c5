import Analytics
public import Topics

/// The projections that can be made anew from their topic.
public enum ProjectionName: String, Sendable, CaseIterable {
    /// `bookings`, and the counts of `seat_zones`.
    case bookings
    /// `payments`, and what is missing of their sagas.
    case payments
    /// `refunds`, `vouchers`, and the cancelled events' `event_cancellations`.
    case refunds
    case operations
    /// `events_raw`, `analytics_daily` and `analytics_realtime`, which are made of several topics.
    case analytics

    /// What it is made of.
    public var topic: Topic {
        switch self {
        case .bookings: .bookingEvents
        case .payments: .paymentEvents
        case .refunds: .refundEvents
        case .operations: .operationEvents
        case .analytics: .bookingEvents
        }
    }

    /// All that it is made of; ``topic`` stands for them where one is named.
    var topics: [Topic] { self == .analytics ? AnalyticsTopics.all : [topic] }

    /// What is kept of topics and is no projection: its rows are chained and only ever added to, so nothing is built beside it and exchanged.
    public static let absent = ["audit"]

    /// Why a name is none of them.
    public static func refusal(of name: String) -> String {
        if absent.contains(name) {
            return
                "the \(name)'s rows are chained and only ever added to, so it is not made anew; what is missing comes back with rushctl replay group \(name)"
        }
        return "\(name) is no projection; there are \(allCases.map(\.rawValue).joined(separator: ", "))"
    }

    /// The tables that are exchanged; a cluster's order of locks.
    var tables: [ProjectionTable] {
        switch self {
        case .bookings, .payments: [ProjectionTable(rawValue)]
        case .refunds:
            [
                ProjectionTable(rawValue, uncompared: ["wake_at"]), ProjectionTable("vouchers", version: "0"),
                ProjectionTable(
                    "event_cancellations", key: "event_id", version: "0", uncompared: ["last_booking", "wake_at", "created_at", "updated_at"]),
            ]
        case .operations: [ProjectionTable(rawValue, uncompared: ["created_at", "updated_at"])]
        case .analytics: ProjectionTable.analytics
        }
    }

    /// The consumer group that writes the tables in use and notes how far it is; nil where each worker writes a row together with its event.
    var writer: String? { self == .bookings ? "inventory-sync" : self == .analytics ? "analytics" : nil }
}

/// A table of a projection that is exchanged.
struct ProjectionTable: Sendable {
    let name: String
    /// The column that a row is found by.
    let key: String
    /// What rises with every change of a row, as SQL.
    let version: String
    /// Columns that say when a row was written or is looked at again, rather than what it tells, and so are not compared.
    let uncompared: Set<String>
    /// Which rows are compared, as SQL; nil for all.
    let compared: String?

    init(_ name: String, key: String = "id", version: String = "version", uncompared: Set<String> = [], compared: String? = nil) {
        self.name = name
        self.key = key
        self.version = version
        self.uncompared = uncompared
        self.compared = compared
    }
}
