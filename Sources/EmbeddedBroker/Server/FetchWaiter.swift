import NIOCore

/// A fetch that waits until enough bytes have come or its time is up; confined to the event loop.
final class FetchWaiter {
    let exchange: Exchange
    let request: FetchRequest
    /// Bytes that must still come.
    var missingBytes: Int
    var timer: Scheduled<Void>?
    private(set) var isDone = false
    /// Where it is registered.
    private let partitions: [PartitionLog]

    init(exchange: Exchange, request: FetchRequest, missingBytes: Int, partitions: [PartitionLog]) {
        self.exchange = exchange
        self.request = request
        self.missingBytes = missingBytes
        self.partitions = partitions
        for partition in partitions { partition.waiters[ObjectIdentifier(self)] = self }
    }

    /// Takes the waiter off every list; returns whether this call was the first to do so.
    func end() -> Bool {
        guard !isDone else { return false }
        isDone = true
        timer?.cancel()
        for partition in partitions { partition.waiters[ObjectIdentifier(self)] = nil }
        return true
    }
}
