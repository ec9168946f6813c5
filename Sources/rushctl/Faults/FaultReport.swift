/// What a run of faults came to.
struct FaultReport: Codable, Sendable {
    /// One fault that was carried out.
    struct Event: Codable, Sendable {
        var atMs: Int
        var what: String
        var target: String
        var outageMs: Int
        /// From the restart until the process was ready; of a frozen one, 0.
        var recoveredMs: Int
    }

    var seed: UInt64
    var seconds: Int
    /// Reserves that were answered with 202.
    var bookings = 0
    /// How they ended, by status.
    var endings: [String: Int] = [:]
    /// The same for each way that a booking was taken.
    var ways: [String: [String: Int]] = [:]
    /// Payments that were answered with 202.
    var payments = 0
    /// Requests that were sent again, because there was no answer or a 503.
    var repeats = 0
    var kills = 0
    /// Answered with 202 and not in PostgreSQL.
    var lost = 0
    /// Two bookings for one Idempotency-Key.
    var doubled = 0
    /// People who were admitted from the line.
    var admitted = 0
    /// People whom the line admitted more than once.
    var admittedTwice = 0
    /// Rows of the audit.
    var audited = 0
    /// Events that analytics counted.
    var counted = 0
    /// How long everything took to come to rest after the last fault.
    var drainedMs = 0
    var invariantsOk = false
    /// Rows that break an invariant, and answers that nobody should get.
    var faults: [String] = []
    var events: [Event] = []

    var ok: Bool { lost == 0 && doubled == 0 && admittedTwice == 0 && invariantsOk && faults.isEmpty }
}
