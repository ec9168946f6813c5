import Domain

/// A job as its row has it.
struct Job: Sendable {
    enum Status: String, Sendable {
        case running, succeeded, failed
    }

    let command: OpsCommand
    /// W3C traceparent, or empty.
    let trace: String
    let status: Status
    /// How often it failed by itself and was begun anew.
    let failures: Int
    /// How it ended, for those who wait; nil while it runs.
    let ended: Operation?
    /// What came of it: JSON.
    let report: [UInt8]?

    var id: OperationID { command.operation }
}
