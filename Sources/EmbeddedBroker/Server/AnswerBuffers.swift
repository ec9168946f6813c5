import NIOCore

/// Keeps the memory of large fetch answers for the next ones: getting megabytes from the system, page by page, costs more than filling them.
struct AnswerBuffers {
    /// Bytes below which an answer is not worth keeping.
    private static let minBytes = 64 * 1_024

    private var spare: [ByteBuffer] = []

    /// A writer with this capacity.
    mutating func writer(capacity: Int) -> WireWriter {
        guard capacity >= Self.minBytes, !spare.isEmpty else { return WireWriter(capacity: capacity) }
        var buffer = spare.removeFirst()
        // Its memory is used again if the answer that it held is sent; else this makes a new one.
        buffer.clear(minimumCapacity: capacity)
        return WireWriter(buffer: buffer)
    }

    /// Keeps the memory of an answer that was handed to its connection.
    mutating func giveBack(_ buffer: ByteBuffer) {
        guard (Self.minBytes...BrokerLimits.maxFetchBytes * 2).contains(buffer.capacity), spare.count < BrokerLimits.maxSpareBuffers else { return }
        spare.append(buffer)
    }
}
