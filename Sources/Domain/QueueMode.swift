/// Whether an event's tickets are sold through the waiting room, and how its line is ordered.
public enum QueueMode: String, Sendable, CaseIterable {
    /// No pass is needed, and there is no line.
    case off
    /// Those who come before the sale are put in random order when it opens; after that first come, first served.
    case fifo
    /// As ``fifo``, but those who come later get a random place too.
    case random
    /// A pass is needed; those in line are still admitted, and nobody else may join.
    case closed
}

/// Who switched a line's mode.
public enum QueueModeOrigin: String, Sendable, CaseIterable {
    /// A person; what a person chose stays until a person changes it.
    case `operator`
    /// The queue-release worker, by the rate of reserves.
    case automatic
}
