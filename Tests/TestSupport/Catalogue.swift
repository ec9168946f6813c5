import Foundation

/// A catalogue of one event, as `rushctl seed --file` reads it.
public struct EventPlan: Sendable {
    /// A zone of general admission, or of numbered seats.
    public struct Zone: Sendable {
        /// Unique within the event.
        public var name: String
        /// Places; for numbered seats rows × seats.
        public var capacity: Int
        /// Rows of numbered seats; nil for general admission.
        public var rows: Int?
        /// Minor units of THB.
        public var priceMinor = 150_000

        /// General admission.
        public static func general(_ name: String = "Floor", _ capacity: Int) -> Zone { Zone(name: name, capacity: capacity) }

        /// Numbered seats.
        public static func numbered(_ name: String = "Stalls", rows: Int, seatsPerRow: Int) -> Zone {
            Zone(name: name, capacity: rows * seatsPerRow, rows: rows)
        }
    }

    /// The event's name in URLs; one that no other test has.
    public var slug = "test-\(UUID().uuidString.lowercased())"
    /// Shown and searched.
    public var title = "A test"
    /// Tickets one user may have.
    public var maxTicketsPerUser = 4
    /// Years.
    public var minAge = 0
    /// Seconds until the sale opens; negative for the past.
    public var saleOpensIn = -3600
    /// Seconds until the show starts; booking closes an hour before.
    public var startsIn = 60 * 86_400
    /// Whether a booking may be held for a day for a bank transfer.
    public var allowsBankTransfer = false
    /// The zones of its one show.
    public var zones: [Zone]

    /// An event on sale, with one show.
    public init(_ zones: Zone...) {
        self.zones = zones
    }

    /// The file that `rushctl seed` loads.
    var file: Data {
        get throws {
            let zones: [[String: Any]] = zones.map { zone in
                var fields: [String: Any] = ["name": zone.name, "price_minor": zone.priceMinor]
                if let rows = zone.rows {
                    fields["rows"] = rows
                    fields["seats_per_row"] = zone.capacity / rows
                } else {
                    fields["capacity"] = zone.capacity
                }
                return fields
            }
            let event: [String: Any] = [
                "slug": slug, "title": title, "max_tickets_per_user": maxTicketsPerUser, "min_age": minAge, "sale_opens_in": saleOpensIn,
                "allows_bank_transfer": allowsBankTransfer,
                "shows": [["starts_in": startsIn, "zones": zones] as [String: Any]],
            ]
            return try JSONSerialization.data(withJSONObject: ["tenant": ["slug": "tests", "name": "Tests"], "events": [event]] as [String: Any])
        }
    }
}

/// An event that was loaded, with the ids by which the API knows it.
public struct Event: Sendable {
    /// The event's id.
    public let id: String
    /// Its name in URLs.
    public let slug: String
    /// Its one show.
    public let show: String
    /// In the order of the plan.
    public let zones: [Zone]

    /// A zone, and all that a reserve in it names.
    public struct Zone: Sendable {
        /// The zone's id.
        public let id: String
        /// Its event.
        public let event: String
        /// Its show.
        public let show: String
        /// Its name.
        public let name: String
        /// Places.
        public let capacity: Int
        /// Seats in their order; empty for general admission.
        public let seats: [String]

        /// The body of a reserve by quantity.
        public func body(quantity: Int) -> String {
            #"{"event_id":"\#(event)","show_id":"\#(show)","zone_id":"\#(id)","quantity":\#(quantity)}"#
        }

        /// The body of a reserve of named seats.
        public func body(seats: [String]) -> String {
            let list = seats.map { "\"\($0)\"" }.joined(separator: ",")
            return #"{"event_id":"\#(event)","show_id":"\#(show)","zone_id":"\#(id)","seat_ids":[\#(list)]}"#
        }
    }

    /// The first zone.
    public var zone: Zone { zones[0] }
}
