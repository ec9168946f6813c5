/// The headers that a dead letter has beside those of the original (`failureHeaders` in `topics/asyncapi.yaml`).
public enum DeadLetterHeader: String, Sendable, CaseIterable {
    case topic = "dlq_topic"
    case partition = "dlq_partition"
    case offset = "dlq_offset"
    case attempts = "dlq_attempts"
    case firstFailure = "dlq_first_failure"
    case lastFailure = "dlq_last_failure"
    case errorClass = "dlq_error_class"
    case error = "dlq_error"
    case group = "dlq_group"
    case build = "dlq_build"
    case site = "dlq_site"

    private static let names = Set(allCases.map(\.rawValue))

    /// Whether a header belongs to the failure, not to the original.
    public static func contains(_ name: String) -> Bool { names.contains(name) }
}

/// The headers that a record on a redrive topic has beside those of a dead letter (`redriveHeaders` in `topics/asyncapi.yaml`).
///
/// They stay with the message through retry topics and into the DLQ, where they say which dead letter it was before.
public enum RedriveHeader: String, Sendable, CaseIterable {
    /// Where the dead letter is, as `topic/partition/offset`.
    case of = "redrive_of"
    /// How often it was redriven, this time counted.
    case count = "redrive_count"
    /// The id that the message had before a person changed its value.
    case editOf = "redrive_edit_of"

    private static let names = Set(allCases.map(\.rawValue))

    /// Whether a header tells of a redrive, not of the original.
    public static func contains(_ name: String) -> Bool { names.contains(name) }
}
