import Foundation
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import EmbeddedBroker

/// Mutated requests through the decoder and the handlers, in this process: a trap ends the test run.
///
/// `BROKER_FUZZ_INPUTS=1000000` makes the long run, by itself with `--filter FuzzTests`; `BROKER_FUZZ_SEED` repeats one, whose seed is printed.
@Suite(.serialized) struct FuzzTests {
    private static func setting(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
    private static let inputs = setting("BROKER_FUZZ_INPUTS") ?? 150_000
    private static let seed = UInt64(setting("BROKER_FUZZ_SEED") ?? Int.random(in: 0..<1_000_000_000))
    /// Inputs between two looks at what the broker left on disk.
    private static let inputsPerBroker = 20_000
    private static let inputsPerTurn = 500

    @Test func noInputHarmsTheBroker() async throws {
        print("fuzz: seed \(Self.seed), \(Self.inputs) inputs")
        let mutations = try Mutations(seed: Self.seed)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var counts = FuzzedBroker.Counts()
        var next = 0
        while next < Self.inputs {
            let scratch = try Scratch()
            let broker = try await FuzzedBroker.open(scratch.path, on: group.next())
            let end = min(Self.inputs, next + Self.inputsPerBroker)
            while next < end {
                let upTo = min(end, next + Self.inputsPerTurn)
                counts += try await broker.take((next..<upTo).map { mutations.input($0) })
                next = upTo
            }
            try await broker.closeAndCheck()
        }
        try await group.shutdownGracefully()
        print("fuzz: \(counts.answered) answered, \(counts.refused) refused, \(counts.waiting) left waiting")
        #expect(counts.answered > Self.inputs / 20 && counts.refused > Self.inputs / 20)
    }

    @Test func noInputHarmsTheProcess() throws {
        let broker = try BrokerProcess()
        let good = try RawClient(port: broker.port)
        _ = try good.createTopic(ValidRequests.topic, partitions: 3)
        let mutations = try Mutations(seed: Self.seed)
        var random = SeededNumbers(seed: Self.seed)
        var client = try RawClient(port: broker.port)
        for number in 0..<2_000 {
            if client.isClosed || number % 50 == 0 { client = try RawClient(port: broker.port) }
            let frame = mutations.input(number)
            if random.next() % 16 == 0 {
                client.write(Array(frame.readableBytesView))  // Without a length: its first bytes are taken for one.
            } else {
                client.write(frame: frame)
            }
        }
        #expect(try good.produce(TestBatch.make(["x"]), topic: ValidRequests.topic).error != nil)
        #expect(try broker.stop() == 0)
    }
}

/// A broker on an event loop of the test's own, fed with frames.
struct FuzzedBroker: Sendable {
    /// What became of the inputs.
    struct Counts: Sendable {
        var answered = 0
        var refused = 0
        var waiting = 0

        static func += (left: inout Counts, right: Counts) {
            left.answered += right.answered
            left.refused += right.refused
            left.waiting += right.waiting
        }
    }

    private let broker: NIOLoopBound<Broker>
    private let loop: any EventLoop
    private let directory: String

    static func open(_ directory: String, on loop: any EventLoop) async throws -> FuzzedBroker {
        let broker = try await loop.submit {
            var configuration = BrokerConfiguration(dataDirectory: directory)
            configuration.sync = .none
            configuration.autoCreateTopics = true
            let (broker, _) = try Broker.open(
                configuration, loop: loop.assumeIsolated(), logger: Logger(label: "fuzz", factory: { _ in SwiftLogNoOpLogHandler() }))
            _ = broker.create(ValidRequests.topic, partitions: 3, configuration: .standard)
            return NIOLoopBound(broker, eventLoop: loop)
        }.get()
        return FuzzedBroker(broker: broker, loop: loop, directory: directory)
    }

    /// Handles `frames` in one turn of the loop, lets the round end, and reads what was answered by Apache Kafka's layouts.
    func take(_ frames: [ByteBuffer]) async throws -> Counts {
        let (exchanges, refused) = try await loop.submit {
            let connection = Connection(broker: broker.value)
            var exchanges: [Exchange] = []
            var refused = 0
            for frame in frames {
                do throws(BrokerError) {
                    var reader = WireReader(frame)
                    let exchange = Exchange(header: try RequestHeader(from: &reader), connection: connection)
                    exchanges.append(exchange)
                    try broker.value.handle(exchange, &reader)
                } catch {
                    refused += 1
                }
            }
            return (NIOLoopBound(exchanges, eventLoop: loop), refused)
        }.get()
        return try await loop.submit {
            var counts = Counts(refused: refused)
            for (number, exchange) in exchanges.value.enumerated() {
                guard let answer = exchange.answer else {
                    exchange.abandon()
                    counts.waiting += 1
                    continue
                }
                counts.answered += 1
                if number % 8 == 0, answer.readableBytes > 0 { try check(answer, of: exchange) }
            }
            counts.waiting = max(0, counts.waiting - refused)
            return counts
        }.get()
    }

    private func check(_ answer: ByteBuffer, of exchange: Exchange) throws {
        let layout = try Layout.response(exchange.header.key)
        let isKnown = exchange.header.api?.versions.contains(exchange.version) ?? false
        var reader = WireReader(answer)
        #expect(try reader.int32() == Int32(answer.readableBytes - 4))
        _ = try reader.int32()
        if exchange.header.isFlexible, exchange.header.api != .apiVersions { try reader.tags() }
        _ = try layout.errors(in: reader, version: isKnown ? exchange.version : 0)
    }

    /// Closes the broker, and recovers what it left: every byte of it must be sound, and all there.
    func closeAndCheck() async throws {
        let ends = try await loop.submit {
            #expect(broker.value.pipeline.isIdle && broker.value.close() == nil)
            var ends: [String: Int64] = [:]
            for partition in broker.value.topics.values.flatMap(\.partitions) where partition.nextOffset > 0 {
                ends[partition.directory] = partition.nextOffset
            }
            return ends
        }.get()
        let (_, recovery) = try StateLog.open(directory: directory)
        #expect(recovery.truncatedBytes == 0)
        for (path, end) in ends {
            let log = PartitionLog(topic: "t", index: 0, directory: path, configuration: .standard)
            let recovery = try log.recover(logStart: 0)
            #expect(log.nextOffset == end && recovery.truncatedBytes == 0 && recovery.damage.isEmpty, "\(path)")
        }
    }
}
