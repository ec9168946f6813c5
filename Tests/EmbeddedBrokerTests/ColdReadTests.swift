import Foundation
import Glibc
import NIOCore
import Testing

@testable import EmbeddedBroker

/// Records that only the disk has.
@Suite(.serialized) struct ColdReadTests {
    /// Drops a file from the page cache; false where the file system cannot, or cannot tell.
    ///
    /// The kernel keeps pages that are in use at that moment, such as those that the broker's own readers just touched: hence more than one attempt.
    private func cool(_ path: String) throws -> Bool {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        #expect(fsync(descriptor) == 0)
        let file = try LogFile(path: path, create: false)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let deadline = ContinuousClock.now + .seconds(2)
        while ContinuousClock.now < deadline {
            _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
            do {
                _ = try bytes.withUnsafeMutableBytes { try file.readCached(into: $0, at: 0) }
            } catch {
                #expect((error as? BrokerError)?.code == .notCached)
                return true
            }
        }
        return false
    }

    @Test func coldRecordsAndTimesAreServed() throws {
        // Files in memory are never cold.
        let broker = try BrokerProcess(folder: URL(fileURLWithPath: "/var/tmp"))
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t")
        let value = String(repeating: "v", count: 100_000)
        for number in 0..<50 {
            #expect(try client.produce(TestBatch.make([value], baseTimestamp: 1_000 + Int64(number)), topic: "t").error == ErrorCode.none)
        }
        let path = broker.dataPath + "/topics/1-t/0/" + Segment.name(baseOffset: 0)
        for offset in stride(from: Int64(0), to: 50, by: 7) {
            guard try cool(path) else { return print("skipped: this file system does not tell what is cached") }
            let fetched = try RawClient.fetched(try client.call(.fetch, version: 4, RawClient.fetch(topic: "t", offset: offset, maxWaitMs: 100)))
            #expect(TestBatch.header(fetched.records)?.baseOffset == offset)
            #expect(try cool(path))
            var found = try client.call(.listOffsets, version: 1) { writer in
                writer.int32(-1)
                writer.array(["t"]) { writer, topic in
                    writer.string(topic)
                    writer.array([1_000 + offset]) { writer, timestamp in
                        writer.int32(0)
                        writer.int64(timestamp)
                    }
                }
            }
            for _ in 0..<1 { _ = (try found.count(), try found.string(), try found.count(), try found.int32()) }
            #expect(try found.int16() == 0)
            #expect(try found.int64() == 1_000 + offset)
            #expect(try found.int64() == offset)
        }
    }
}
