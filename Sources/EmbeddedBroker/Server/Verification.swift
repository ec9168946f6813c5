import Glibc
import NIOCore
import Synchronization

/// Checks in the background what a start took from checkpoints without reading it.
///
/// A start must not wait for gigabytes to be read again, and damage must not stay unseen: the two meet here.
final class Verification: Sendable {
    private let thread: DiskThread
    private let isStopping = Atomic(false)

    init() throws {
        thread = try DiskThread(name: "log-verifier")
        // On Linux the priority is the calling thread's: what serves clients goes first.
        thread.submit { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }
    }

    /// Reads every batch of `file` up to `end`. Nothing is told when all of them are as they were written, or the broker stops first.
    /// - Parameter found: called on the verifier's thread with the position of the first batch that is not.
    func check(_ file: LogFile, to end: Int64, found: @escaping @Sendable (Int64) -> Void) {
        thread.submit { [self] in
            var scanner = BatchScanner(file: file, from: 0, to: end, chunk: BatchScanner.chunkSize)
            while scanner.position < end, !isStopping.load(ordering: .relaxed) {
                guard let header = try? scanner.header(), let isSound = try? scanner.withBatch(header, { header.checksumMatches($0) }), isSound else {
                    return found(scanner.position)
                }
                scanner.skip(header)
            }
        }
    }

    /// Ends it within a batch, and waits for that.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        thread.stop()
    }
}

extension Broker {
    /// Begins to check every segment that recovery did not read. What lies behind damage in its segment is not served any more, as if recovery had found it.
    func verify() {
        for log in topics.values.flatMap(\.partitions) {
            for segment in log.segments where segment.checkpointedSize > 0 {
                let place = NIOLoopBound((self, log, segment), eventLoop: loop.nonisolated())
                verification.check(segment.file, to: segment.checkpointedSize) { position in
                    place.eventLoop.execute { place.value.0.found(damageAt: position, in: place.value.2, of: place.value.1) }
                }
            }
        }
    }

    private func found(damageAt position: Int64, in segment: Segment, of log: PartitionLog) {
        segment.damagedAt = position
        logger.error(
            "a segment is damaged; what lies behind that place in it is not served",
            metadata: [
                "kafka.topic": "\(log.topic)", "kafka.partition": "\(log.index)", "file.path": "\(segment.file.path)", "file.position": "\(position)",
            ])
    }
}
