/// Where a rebuild makes its tables, and where it puts those whose place they take.
struct ShadowSchemas: Sendable {
    /// The tables that are being made.
    let made: String
    /// The tables that were in use before.
    let replaced: String

    /// - Parameter id: the replay's, a UUID.
    init(id: String) {
        let digits = id.filter(\.isHexDigit).lowercased()
        made = "replay_\(digits)"
        replaced = "replaced_\(digits)"
    }

    /// SQL that drops both.
    var drop: String { "DROP SCHEMA IF EXISTS \(made) CASCADE; DROP SCHEMA IF EXISTS \(replaced) CASCADE" }
}
