import Foundation
import Glibc
import NIOCore
import Testing

@testable import EmbeddedBroker

/// A file system that really is full: a small tmpfs, which takes root to mount.
@Suite(.serialized) struct DiskFullTests {
    private static let canMount: Bool = {
        guard getuid() == 0, let scratch = try? Scratch() else { return false }
        guard mount("test", scratch.path, "tmpfs", 0, "size=1m") == 0 else { return false }
        return umount2(scratch.path, Int32(MNT_DETACH)) == 0
    }()

    @Test(.enabled(if: canMount, "mounting a tmpfs is refused here"), arguments: ["none", "interval=20", "always"])
    func aFullDiskRefusesAndHarmsNothing(sync: String) throws {
        let broker = try BrokerProcess(["--sync", sync], tmpfsMegabytes: 24)
        var client = try RawClient(port: broker.port)
        _ = try client.createTopic("t", partitions: 2)
        let ballast = broker.dataPath + "/ballast"
        var stored: [Int64: String] = [:]
        var next = 0
        func produce(_ size: Int) throws -> ErrorCode? {
            let value = "\(next)-" + String(repeating: "v", count: size)
            let (error, offset) = try client.produce(TestBatch.make([value]), topic: "t")
            if error == ErrorCode.none {
                #expect(stored.updateValue(value, forKey: offset) == nil)
                next += 1
            }
            return error
        }
        for round in 0..<3 {
            for _ in 0..<5 { #expect(try produce(1_000) == ErrorCode.none) }
            // Full to the last page.
            try Self.fill(ballast)
            var refused = 0
            for _ in 0..<20 where try produce(100_000) == .kafkaStorageError { refused += 1 }
            #expect(refused >= 15, "round \(round)")
            if round == 1 {
                // Neither a kill nor a start on a full disk loses what was acknowledged.
                broker.kill()
                try broker.start()
                client = try RawClient(port: broker.port)
                #expect(try produce(200_000) == .kafkaStorageError)
            }
            #expect(try Self.values(client) == stored)
            Directory.remove(ballast)
            #expect(try produce(1_000) == ErrorCode.none, "round \(round)")
        }
        #expect(try client.producerID() >= 0)
        broker.kill()
        try broker.start()
        #expect(!broker.announcement.contains("damaged"))
        client = try RawClient(port: broker.port)
        #expect(try Self.values(client) == stored)
        #expect(try produce(10) == ErrorCode.none)
    }

    private static func fill(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        defer { close(descriptor) }
        let page = [UInt8](repeating: 0xEE, count: 4_096)
        while write(descriptor, page, page.count) > 0 {}
        #expect(errno == ENOSPC)
    }

    /// The first value of every batch of a partition, by offset.
    static func values(_ client: RawClient, partition: Int32 = 0) throws -> [Int64: String] {
        var values: [Int64: String] = [:]
        var offset: Int64 = 0
        while true {
            var records = try RawClient.fetched(
                try client.call(.fetch, version: 4, RawClient.fetch(topic: "t", partition: partition, offset: offset, maxWaitMs: 0))
            ).records
            guard records.readableBytes > 0 else { return values }
            while let header = TestBatch.header(records), let batch = records.readSlice(length: header.totalSize) {
                #expect(batch.withUnsafeReadableBytes { header.checksumMatches($0) } && header.baseOffset == offset)
                values[offset] = TestBatch.firstValue(batch)
                offset = header.lastOffset + 1
            }
        }
    }
}
