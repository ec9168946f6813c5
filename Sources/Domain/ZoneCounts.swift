/// A zone's stock at one moment; `available + held + sold == capacity` always.
public struct ZoneCounts: Equatable, Sendable {
    public var capacity: Int64
    public var available: Int64
    public var held: Int64
    public var sold: Int64
    /// Raised with every change, by the rule of booking versions; a projection applies only a higher one.
    public var version: Int64

    public init(capacity: Int64, available: Int64, held: Int64, sold: Int64, version: Int64) {
        self.capacity = capacity
        self.available = available
        self.held = held
        self.sold = sold
        self.version = version
    }

    /// Whether invariant 1 holds.
    public var isConsistent: Bool { available + held + sold == capacity && available >= 0 && held >= 0 && sold >= 0 }
}
