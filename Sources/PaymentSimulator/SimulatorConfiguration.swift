/// What the operator chooses.
struct SimulatorConfiguration: Sendable {
    var host: String
    /// 0 takes a free one.
    var port: Int
    /// The folder with the journal.
    var dataDirectory: String
    /// What requests must carry.
    var secretKey: String
    /// Where events are posted to; nil posts none.
    var webhookURL: String?
    /// What events are signed with.
    var webhookSecret: String
    /// How long an event that is not taken is posted again, in milliseconds.
    var webhookRetryMs: Int64
    /// Added to each answer of the API, in milliseconds.
    var latencyMs: Int64
    /// How late "late" is, in milliseconds.
    var lateMs: Int64
    /// How long a bank transfer or a wallet takes, in milliseconds.
    var settleMs: Int64
    /// The fraction of requests that fail at random, 0 to 1.
    var chaos: Double
    /// Of the random failures.
    var seed: UInt64
}

/// The simulator's bounds: what a client can make it hold or do.
enum SimulatorLimits {
    /// Largest request body, in bytes.
    static let maxBodyBytes = 64 * 1024
    /// Longest idempotency key, in bytes; Stripe's.
    static let maxKeyBytes = 255
    /// Idempotency keys that are remembered; beyond, the oldest are forgotten.
    static let maxKeys = 500_000
    /// How long an idempotency key is remembered, in milliseconds; Stripe's.
    static let keyLifeMs: Int64 = 24 * 3_600_000
    /// Metadata of one object; Stripe's.
    static let maxMetadata = (entries: 50, keyBytes: 40, valueBytes: 500)
    /// Largest amount, in minor units; Stripe's.
    static let maxAmount: Int64 = 99_999_999
    /// Times that one intent may be confirmed: each decline leaves a line in the journal.
    static let maxConfirmations = 100
    /// Refunds of one intent.
    static let maxRefunds = 100
    /// Connections at a time; one more is closed at once.
    static let maxConnections = 2_048
    /// How long a request that is never answered keeps its connection, in milliseconds.
    static let hangMs: Int64 = 120_000
    /// Events that wait for their delivery; one more is not posted.
    static let maxEvents = 200_000
    /// Events that are being posted at a time.
    static let maxPosts = 32
    /// Limit of one post, in milliseconds.
    static let postMs: Int64 = 10_000
    /// Pauses between two posts of an event, in milliseconds.
    static let postPauseMs: ClosedRange<Int64> = 200...15_000
    /// How long an answer waits for its webhook to come first, in milliseconds.
    static let webhookFirstMs: Int64 = 2_000
    /// Objects in one page of a list; Stripe's.
    static let maxPage = 100
    /// Lines of the books that are made at a time.
    static let booksPiece = 1_000
    /// How long a stop waits for what is in hand, in milliseconds.
    static let shutdownMs: Int64 = 3_000
}

/// A failure that ends the simulator or keeps it from starting.
struct SimulatorError: Error, CustomStringConvertible {
    let operation: String
    let message: String

    var description: String { "cannot \(operation): \(message)" }
}
