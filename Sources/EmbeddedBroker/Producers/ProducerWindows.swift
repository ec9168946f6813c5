/// What one partition knows of its idempotent producers: the last five batches of each (KIP-98).
///
/// Rebuilt at start from the batch headers in the log, so that a retry across a restart is still recognised.
struct ProducerWindows: Sendable {
    /// Batches remembered per producer: as many as an idempotent producer may have in flight.
    static let batchesPerProducer = 5
    /// Producers remembered per partition; the longest silent ones go first.
    static let maxProducers = 10_000

    /// What to do with a batch.
    enum Verdict: Equatable {
        case append
        /// It is in the log already, at this place.
        case duplicate(baseOffset: Int64, lastOffset: Int64)
        case refuse(ErrorCode)
    }

    private struct Batch: Sendable {
        let firstSequence: Int32
        let lastSequence: Int32
        let baseOffset: Int64
        let lastOffset: Int64
    }

    private struct Window: Sendable {
        var epoch: Int16
        var batches: [Batch] = []
        var lastOffset: Int64 { batches.last?.lastOffset ?? -1 }
    }

    private var windows: [Int64: Window] = [:]

    init() {}

    /// Producers remembered.
    var count: Int { windows.count }
    /// The highest producer id seen, -1 for none.
    var highestID: Int64 { windows.keys.max() ?? -1 }

    /// Judges a batch before it is appended. A producer that is not known may begin at any sequence (KIP-360).
    func judge(_ header: BatchHeader) -> Verdict {
        guard header.producerID >= 0, let window = windows[header.producerID] else { return .append }
        if header.producerEpoch < window.epoch { return .refuse(.invalidProducerEpoch) }
        if header.producerEpoch > window.epoch { return header.baseSequence == 0 ? .append : .refuse(.outOfOrderSequenceNumber) }
        let last = Self.advance(header.baseSequence, by: header.lastOffsetDelta)
        for batch in window.batches where batch.firstSequence == header.baseSequence && batch.lastSequence == last {
            return .duplicate(baseOffset: batch.baseOffset, lastOffset: batch.lastOffset)
        }
        guard let newest = window.batches.last else { return .append }
        return header.baseSequence == Self.advance(newest.lastSequence, by: 1) ? .append : .refuse(.outOfOrderSequenceNumber)
    }

    /// Notes a batch that is in the log at `baseOffset`.
    mutating func record(_ header: BatchHeader, baseOffset: Int64) {
        guard header.producerID >= 0 else { return }
        if windows[header.producerID] == nil, windows.count >= Self.maxProducers { evict() }
        let batch = Batch(
            firstSequence: header.baseSequence, lastSequence: Self.advance(header.baseSequence, by: header.lastOffsetDelta), baseOffset: baseOffset,
            lastOffset: baseOffset + Int64(header.lastOffsetDelta))
        var window = windows.removeValue(forKey: header.producerID) ?? Window(epoch: header.producerEpoch)
        if window.epoch != header.producerEpoch { window = Window(epoch: header.producerEpoch) }
        if window.batches.count == Self.batchesPerProducer { window.batches.removeFirst() }
        window.batches.append(batch)
        windows[header.producerID] = window
    }

    /// Forgets batches at `offset` and after, which were never stored.
    mutating func rollBack(to offset: Int64) {
        for (id, var window) in windows where window.lastOffset >= offset {
            window.batches.removeAll { $0.baseOffset >= offset }
            windows[id] = window.batches.isEmpty ? nil : window
        }
    }

    // MARK: Checkpoints

    /// Appends all of it.
    func encode(to writer: inout WireWriter) {
        writer.array(windows) { writer, entry in
            writer.int64(entry.key)
            writer.int16(entry.value.epoch)
            writer.array(entry.value.batches) { writer, batch in
                writer.int32(batch.firstSequence)
                writer.int32(batch.lastSequence)
                writer.int64(batch.baseOffset)
                writer.int64(batch.lastOffset)
            }
        }
    }

    /// Reads what ``encode(to:)`` wrote.
    init(from reader: inout WireReader) throws(BrokerError) {
        for _ in 0..<(try reader.count()) {
            let id = try reader.int64()
            let epoch = try reader.int16()
            let batches = try reader.array { reader throws(BrokerError) in
                Batch(
                    firstSequence: try reader.int32(), lastSequence: try reader.int32(), baseOffset: try reader.int64(),
                    lastOffset: try reader.int64())
            }
            windows[id] = Window(epoch: epoch, batches: batches)
        }
    }

    /// Sequences count from 0 to 2^31 - 1 and begin again at 0.
    static func advance(_ sequence: Int32, by delta: Int32) -> Int32 {
        Int32((Int64(sequence) + Int64(delta)) & Int64(Int32.max))
    }

    /// Forgets the tenth that wrote longest ago.
    private mutating func evict() {
        let oldest = windows.sorted { $0.value.lastOffset < $1.value.lastOffset }.prefix(max(1, Self.maxProducers / 10))
        for (id, _) in oldest { windows[id] = nil }
    }
}
