/// What a recovery did.
public struct RecoveryReport: Codable, Sendable {
    /// Where it began: `mark`, or `projection` when Redis had none.
    public var from = "mark"
    /// Whether anything had to be recovered.
    public var wasTrusted = false
    /// Zones that were loaded from the catalogue.
    public var zones = 0
    /// Events of booking.events that were read.
    public var events = 0
    /// Bookings that were put back.
    public var restored = 0
    /// Bookings of which Redis knew as much.
    public var known = 0
    /// Bookings that ended because their seats were another's.
    public var lost = 0
    /// Bookings whose zone is over, or in no catalogue.
    public var withoutZone = 0
    /// The epoch of what comes from now on.
    public var epoch: Int64 = 0
    public var seconds = 0.0
}
