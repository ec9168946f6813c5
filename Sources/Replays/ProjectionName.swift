public import Topics

/// The projections that can be made anew from their topic.
public enum ProjectionName: String, Sendable, CaseIterable {
    /// `bookings`, and the counts of `seat_zones`.
    case bookings
    case payments
    case operations

    /// What it is made of.
    public var topic: Topic {
        switch self {
        case .bookings: .bookingEvents
        case .payments: .paymentEvents
        case .operations: .operationEvents
        }
    }

    /// Projections that the product knows of and this installation does not have yet.
    public static let absent = ["analytics", "audit"]

    /// Why a name is none of them.
    public static func refusal(of name: String) -> String {
        if absent.contains(name) { return "the projection \(name) does not exist in this installation yet" }
        return "\(name) is no projection; there are \(allCases.map(\.rawValue).joined(separator: ", "))"
    }

    /// The table that is exchanged.
    var table: String { rawValue }

    /// The consumer group that writes the tables in use and notes how far it is; nil where each worker writes a row together with its event.
    var writer: String? { self == .bookings ? "inventory-sync" : nil }

    /// Columns that say when a row was written rather than what it says, and so are not compared.
    var uncompared: [String] { self == .operations ? ["created_at", "updated_at"] : [] }
}
