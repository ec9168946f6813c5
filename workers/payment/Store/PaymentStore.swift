import Domain
import PostgresClient
import WorkerRuntime

/// The rows of payments and their sagas. What many handlers read and write at the same time goes into one transaction.
struct PaymentStore: Sendable {
    /// What is found of a payment.
    struct Reading: Sendable {
        let saga: Saga
        /// Whether the message it was read for has been dealt with.
        let isDone: Bool
        /// A refund of it that is on its way.
        let refund: RefundID?
    }

    let database: PostgresClient
    /// The consumer group, under which the inbox remembers messages.
    let group: String
    private let gatherer: Gatherer<StoreJob, StoreAnswer>

    init(database: PostgresClient, group: String) {
        self.database = database
        self.group = group
        gatherer = Gatherer { jobs in try await StoreBatch(jobs, group: group).run(on: database) }
    }

    /// Begins a saga unless there is one.
    /// - Returns: how it stands.
    func open(_ saga: Saga) async throws -> Saga {
        guard case .reading(let reading?) = try await gatherer(.open(saga)) else { throw Self.unexpected }
        return reading.saga
    }

    /// Reads a saga; nil where there is none.
    func read(_ payment: PaymentID, for message: String) async throws -> Reading? {
        guard case .reading(let reading) = try await gatherer(.read(payment, message: message)) else { throw Self.unexpected }
        return reading
    }

    /// Writes a transition with what goes with it.
    /// - Returns: whether the rows were still what it goes out from; otherwise nothing was written.
    func write(_ step: SagaStep) async throws -> Bool {
        guard case .written(let isWritten) = try await gatherer(.write(step)) else { throw Self.unexpected }
        return isWritten
    }

    /// Lets the clock pass a saga over: only a person can help it.
    func suspend(_ payment: PaymentID) async throws {
        _ = try await database.query("UPDATE saga_instances SET wake_at = NULL, updated_at = now() WHERE id = $1", [.text(payment.description)])
    }

    /// The status that PostgreSQL reports of a booking, for one that Redis does not have.
    func reportedStatus(of booking: BookingID) async throws -> BookingStatus? {
        let rows = try await database.query("SELECT status FROM bookings WHERE id = $1", [.text(booking.description)])
        return try rows.first.flatMap { BookingStatus(rawValue: try $0.string("status")) }
    }

    /// Sagas that are not final.
    func openCount() async throws -> Int {
        try await database.query("SELECT count(*) AS open FROM saga_instances WHERE state NOT IN ('confirmed', 'failed')").one().int("open")
    }

    private static let unexpected = Failure(.deadLetter, label: "store", message: "the store gave an answer of another kind")
}

/// One thing that a handler wants of the store.
enum StoreJob: Sendable {
    case open(Saga)
    case read(PaymentID, message: String)
    case write(SagaStep)
}

/// What a handler gets from the store.
enum StoreAnswer: Sendable {
    case reading(PaymentStore.Reading?)
    case written(Bool)
}
