import Domain
import PostgresClient
import WorkerRuntime

/// Jobs that go into one transaction.
struct StoreBatch: Sendable {
    private let jobs: [StoreJob]
    private let group: String
    private let opens: [PaymentID: Saga]
    private let steps: [PaymentID: SagaStep]
    /// The jobs whose step is the one that is written, where several are of one payment.
    private let writers: Set<Int>

    init(_ jobs: [StoreJob], group: String) {
        self.jobs = jobs
        self.group = group
        var opens: [PaymentID: Saga] = [:]
        var steps: [PaymentID: SagaStep] = [:]
        var writers: Set<Int> = []
        for (index, job) in jobs.enumerated() {
            switch job {
            case .open(let saga): opens[saga.payment.id] = saga
            case .write(let step):
                // Of several of one payment the first comes first, and the others read again: were all to, they would meet again.
                guard steps[step.from.payment.id] == nil else { continue }
                steps[step.from.payment.id] = step
                writers.insert(index)
            case .read: break
            }
        }
        self.opens = opens
        self.steps = steps
        self.writers = writers
    }

    /// Runs them and answers in their order.
    func run(on database: PostgresClient) async throws -> [StoreAnswer] {
        try await database.transaction { connection in
            // In the order of ids, so that copies wait for each other rather than deadlock.
            let opened = try connection.open(opens.values.sorted { $0.payment.id.bits < $1.payment.id.bits })
            let wanted = jobs.compactMap { job -> (PaymentID, String)? in
                switch job {
                case .open(let saga): opened.contains(saga.payment.id) ? nil : (saga.payment.id, "")
                case .read(let id, let message): (id, message)
                case .write: nil
                }
            }
            let readings = try connection.read(wanted, group: group)
            let written = try connection.write(steps.values.sorted { $0.from.payment.id.bits < $1.from.payment.id.bits })
            try connection.record(steps.values.filter { written.contains($0.from.payment.id) }.compactMap(\.ending), group: group)
            return jobs.enumerated().map { index, job in
                switch job {
                case .open(let saga):
                    opened.contains(saga.payment.id)
                        ? .reading(PaymentStore.Reading(saga: saga, isDone: false, refund: nil))
                        : .reading(readings[ReadingKey(payment: saga.payment.id, message: "")])
                case .read(let id, let message): .reading(readings[ReadingKey(payment: id, message: message)])
                case .write(let step): .written(writers.contains(index) && written.contains(step.from.payment.id))
                }
            }
        }
    }
}

/// What a reading was asked by.
struct ReadingKey: Hashable {
    let payment: PaymentID
    let message: String
}
