/// An id that cannot be mistaken for an id of another kind.
public struct Identifier<Kind>: Hashable, Sendable, CustomStringConvertible {
    /// The UUID behind it.
    public let bits: UUIDBits

    public init(_ bits: UUIDBits) {
        self.bits = bits
    }

    /// Reads the text form of a UUID; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        guard let bits = UUIDBits(text) else { return nil }
        self.bits = bits
    }

    public var description: String { bits.description }
}

/// The kinds of ``Identifier``; they have no values.
public enum IdentifierKind {
    public enum Tenant {}
    public enum User {}
    public enum Event {}
    public enum Show {}
    public enum Zone {}
    public enum Seat {}
    public enum Booking {}
    public enum Operation {}
    public enum Payment {}
    public enum Refund {}
    public enum QueueEntry {}
}

public typealias TenantID = Identifier<IdentifierKind.Tenant>
public typealias UserID = Identifier<IdentifierKind.User>
public typealias EventID = Identifier<IdentifierKind.Event>
public typealias ShowID = Identifier<IdentifierKind.Show>
public typealias ZoneID = Identifier<IdentifierKind.Zone>
public typealias SeatID = Identifier<IdentifierKind.Seat>
public typealias BookingID = Identifier<IdentifierKind.Booking>
public typealias OperationID = Identifier<IdentifierKind.Operation>
public typealias PaymentID = Identifier<IdentifierKind.Payment>
public typealias RefundID = Identifier<IdentifierKind.Refund>
public typealias QueueEntryID = Identifier<IdentifierKind.QueueEntry>

/// The kinds whose ids say in which shard of Redis their keys are.
public protocol ShardedKind {}
extension IdentifierKind.Booking: ShardedKind {}
extension IdentifierKind.Operation: ShardedKind {}
extension IdentifierKind.Payment: ShardedKind {}
extension IdentifierKind.Refund: ShardedKind {}
extension IdentifierKind.QueueEntry: ShardedKind {}

extension Identifier where Kind: ShardedKind {
    /// A new id in the shard of the event that it belongs to.
    public static func make(nowMs: Int64, shard: Shard) -> Self {
        Self(.version7(nowMs: nowMs, shard: shard))
    }

    /// Where its keys are, or `nil` for an id that this system never gave out.
    public var shard: Shard? { bits.version == 7 ? bits.embeddedShard : nil }
}

extension Identifier where Kind == IdentifierKind.Booking {
    /// What stands on the e-ticket, `7K2M-9QX4-T0VB`: the id's 60 lowest random bits in Crockford's base 32, so it needs no store.
    public var ticketReference: String {
        let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        var text = ""
        for group in 0..<12 {
            if group == 4 || group == 8 { text.append("-") }
            text.append(alphabet[Int((bits.low >> UInt64(55 - group * 5)) & 31)])
        }
        return text
    }
}
