public import Domain
public import KafkaClient

/// What analytics keeps of a message: whom it concerns, when it happened, and how much it was.
///
/// All that is counted follows from the message alone, so that counting the topics again gives the same.
public struct AnalyticsEvent: Sendable, Equatable {
    /// The message's `ce_id`, by which a second copy is recognised.
    public let id: String
    /// Its `ce_type`, `booking.created.v1`.
    public let type: String
    public let tenant: TenantID
    /// `nil` for what belongs to no event, such as the end of an operation.
    public let event: EventID?
    /// When it happened, by the message's own state; that stays the same however often and late it is sent.
    public let at: Timestamp
    /// Tickets.
    public let quantity: Int64
    /// Minor units of ``currency``: what a booking costs, or what was given back of a sale.
    public let amountMinor: Int64
    /// ISO 4217; empty where nothing has a price.
    public let currency: String
    /// The JSON as it was sent.
    public let value: [UInt8]

    /// Longest id and type, in bytes: more does not fit an index.
    private static let longest = (id: 512, type: 128)
    /// Moments that are taken for real: else one broken clock would have partitions made for ever.
    private static let plausible = Timestamp(ms: 1_577_836_800_000)..<Timestamp(ms: 4_102_444_800_000)

    /// Reads a message of any event topic.
    /// - Throws: ``JSONError`` that names what is wrong; such a message can never succeed.
    public init(_ message: KafkaMessage) throws(JSONError) {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        var draft = Draft()
        var reader = JSONReader(value)
        try reader.object { (key, value) throws(JSONError) in try draft.take(key, from: &value) }
        try reader.end()
        guard let tenant = draft.tenant else { throw JSONError(path: ["tenant_id"], reason: "is missing") }
        guard let type = message.headers.text("ce_type") else { throw JSONError(path: ["ce_type"], reason: "is missing") }
        let id = message.headers.text("ce_id") ?? "\(message.topic)/\(message.partition)/\(message.offset)"
        guard Self.isText(id, Self.longest.id) else { throw JSONError(path: ["ce_id"], reason: "must be 1 to \(Self.longest.id) bytes of text") }
        guard Self.isText(type, Self.longest.type) else {
            throw JSONError(path: ["ce_type"], reason: "must be 1 to \(Self.longest.type) bytes of text")
        }
        let at = draft.at ?? message.headers.text("ce_time").flatMap { Timestamp(rfc3339: $0) } ?? Timestamp(ms: message.timestampMs ?? 0)
        guard Self.plausible.contains(at) else { throw JSONError(path: ["updated_at_ms"], reason: "must be a moment from 2020 to 2099") }
        self.id = id
        self.type = type
        self.tenant = tenant
        event = draft.event
        self.at = at
        quantity = draft.quantity
        amountMinor = draft.amount(of: type)
        currency = draft.currency
        self.value = value
    }

    private static func isText(_ text: String, _ limit: Int) -> Bool { (1...limit).contains(text.utf8.count) && !text.utf8.contains(0) }

    /// The members that count, whichever of them there are.
    private struct Draft {
        var tenant: TenantID?
        var event: EventID?
        var at: Timestamp?
        var quantity: Int64 = 0
        var totalMinor: Int64 = 0
        var amountMinor: Int64 = 0
        var refundedMinor: Int64 = 0
        var currency = ""
        var isTooLate = false

        mutating func take(_ key: String, from value: inout JSONReader) throws(JSONError) {
            switch key {
            case "tenant_id": tenant = try Self.identifier(&value)
            case "event_id": event = try Self.identifier(&value)
            case "updated_at_ms", "at_ms": at = Timestamp(ms: try value.int())
            case "quantity": quantity = try Self.number(&value, to: 1_000_000)
            case "total_minor": totalMinor = try Self.number(&value, to: Self.mostMinor)
            case "amount_minor": amountMinor = try Self.number(&value, to: Self.mostMinor)
            case "refunded_minor": refundedMinor = try Self.number(&value, to: Self.mostMinor)
            case "currency":
                currency = try value.string()
                guard currency.utf8.count == 3, currency.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
                    throw JSONError(path: [], reason: "must be three capital letters")
                }
            case "error_code": isTooLate = try value.string() == BookingReason.paidTooLate.rawValue
            default: try value.skip()
            }
        }

        /// Money that came too late was no sale, so it is not given back of one. A payment is given back of once, so its sum is the whole of it.
        func amount(of type: String) -> Int64 {
            if type == MessageType.paymentRefunded.rawValue { return isTooLate ? 0 : refundedMinor }
            return totalMinor != 0 ? totalMinor : amountMinor
        }

        /// More is no price, and would not fit the sums.
        private static let mostMinor: Int64 = 1_000_000_000_000

        private static func number(_ value: inout JSONReader, to most: Int64) throws(JSONError) -> Int64 {
            let number = try value.int()
            guard (0...most).contains(number) else { throw JSONError(path: [], reason: "must be from 0 to \(most)") }
            return number
        }

        private static func identifier<Kind>(_ value: inout JSONReader) throws(JSONError) -> Identifier<Kind> {
            guard let id = Identifier<Kind>(try value.string()) else { throw JSONError(path: [], reason: "must be a UUID") }
            return id
        }
    }
}
