/// The right to one purchase, for one user and event; Redis knows whether it was used (``QueueEntry/Status``).
///
/// Its signed text is made and read in `Authentication`.
public struct QueuePass: Equatable, Sendable {
    public let entry: QueueEntryID
    public let event: EventID
    public let user: UserID
    public let expiresAt: Timestamp

    public init(entry: QueueEntryID, event: EventID, user: UserID, expiresAt: Timestamp) {
        self.entry = entry
        self.event = event
        self.user = user
        self.expiresAt = expiresAt
    }

    /// The pass of an admitted person; nil for any other.
    public init?(_ entry: QueueEntry) {
        guard entry.status == .admitted, let expiresAt = entry.passExpiresAt else { return nil }
        self.init(entry: entry.id, event: entry.event, user: entry.user, expiresAt: expiresAt)
    }
}

/// Why a pass does not open the door.
public enum QueuePassFault: String, Error, Sendable, CaseIterable {
    /// There is none.
    case missing
    /// The text is not one that we signed.
    case forged
    /// Its time is over.
    case expired
    /// Another user's.
    case foreign
    /// Another event's.
    case otherEvent = "other_event"
    /// It bought something already.
    case used
    /// Its owner left the line, or the line ended.
    case revoked
}
