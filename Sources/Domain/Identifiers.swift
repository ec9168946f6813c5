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
}

public typealias TenantID = Identifier<IdentifierKind.Tenant>
public typealias UserID = Identifier<IdentifierKind.User>
public typealias EventID = Identifier<IdentifierKind.Event>
public typealias ShowID = Identifier<IdentifierKind.Show>
public typealias ZoneID = Identifier<IdentifierKind.Zone>
public typealias SeatID = Identifier<IdentifierKind.Seat>
public typealias BookingID = Identifier<IdentifierKind.Booking>
public typealias OperationID = Identifier<IdentifierKind.Operation>

extension Identifier where Kind == IdentifierKind.Booking {
    /// A new booking's id, in the shard of its event.
    public static func make(nowMs: Int64, shard: Shard) -> BookingID {
        BookingID(.version7(nowMs: nowMs, shard: shard))
    }

    /// Where the booking's keys are, or `nil` for an id that this system never gave out.
    public var shard: Shard? { bits.version == 7 ? bits.embeddedShard : nil }
}

extension Identifier where Kind == IdentifierKind.Operation {
    /// A new operation's id, in the shard of what it acts upon.
    public static func make(nowMs: Int64, shard: Shard) -> OperationID {
        OperationID(.version7(nowMs: nowMs, shard: shard))
    }

    /// Where the operation's key is, or `nil` for an id that this system never gave out.
    public var shard: Shard? { bits.version == 7 ? bits.embeddedShard : nil }
}
