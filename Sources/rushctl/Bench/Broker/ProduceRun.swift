import Foundation
import KafkaClient
import Synchronization

/// One thread that hands over records as fast as they are acknowledged.
final class ProduceRun: Sendable {
    /// Records that wait for their acknowledgement.
    static let maxInFlight = 100_000
    private static let step = 1_000

    private struct State {
        var acknowledged = 0
        var failure: KafkaError?
    }

    private let producer: KafkaProducer
    private let count: Int
    private let state = Mutex(State())
    private let room = DispatchSemaphore(value: 0)

    init(producer: KafkaProducer, count: Int) {
        self.producer = producer
        self.count = count
        // Not its first value: a semaphore must not end below that.
        for _ in 0..<Self.maxInFlight / Self.step { room.signal() }
    }

    /// Produces all.
    /// - Returns: seconds from the first record handed over to the last acknowledgement.
    func seconds() async throws -> Double {
        try await withCheckedThrowingContinuation { continuation in
            // It blocks, so it is no task.
            Thread.detachNewThread { [self] in continuation.resume(with: Result { try produce() }) }
        }
    }

    private func produce() throws -> Double {
        let value = [UInt8](repeating: UInt8(ascii: "x"), count: BrokerMeasurement.recordBytes)
        let record = KafkaRecord(topic: BrokerMeasurement.topic, key: nil, value: value)
        let begin = ContinuousClock.now
        for index in 0..<count {
            if index % Self.step == 0 { try waitForRoom() }
            try producer.enqueue(record) { [self] in note($0) }
        }
        // Every step that was begun is given back when it is acknowledged.
        for _ in 0..<Self.maxInFlight / Self.step { try waitForRoom() }
        return (ContinuousClock.now - begin) / .seconds(1)
    }

    private func waitForRoom() throws {
        let came = room.wait(timeout: .now() + BrokerMeasurement.limit / .seconds(1))
        if let failure = state.withLock({ $0.failure }) { throw failure }
        if came == .timedOut { throw BrokerServer.Failure(description: "no acknowledgement within \(BrokerMeasurement.limit)") }
    }

    private func note(_ result: Result<KafkaAck, KafkaError>) {
        let acknowledged = state.withLock { state in
            state.acknowledged += 1
            if case .failure(let error) = result { state.failure = error }
            return state.acknowledged
        }
        if acknowledged % Self.step == 0 || acknowledged == count { room.signal() }
    }
}
