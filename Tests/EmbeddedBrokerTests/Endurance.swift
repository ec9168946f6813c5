import Foundation
import NIOCore
import Testing

@testable import EmbeddedBroker

/// Load of several connections with idempotent producers, which notes what was acknowledged and sends again what was not.
final class Load {
    private struct Writer {
        var client: RawClient
        let partition: Int32
        let producerID: Int64
        /// The sequence of the next new batch.
        var next: Int32 = 0
        /// Sequences sent and not answered, oldest first.
        var open: [Int32] = []
    }

    private let broker: BrokerProcess
    private var writers: [Writer] = []
    /// The value at each offset that was acknowledged, by partition.
    private(set) var acknowledged: [Int32: [Int64: String]] = [:]

    init(_ broker: BrokerProcess, writers count: Int) throws {
        self.broker = broker
        for number in 0..<count {
            let client = try RawClient(port: broker.port)
            writers.append(Writer(client: client, partition: Int32(number), producerID: try client.producerID()))
        }
    }

    private func value(_ partition: Int32, _ sequence: Int32) -> String {
        "\(partition)-\(sequence)-" + String(repeating: "x", count: Int(sequence) * 37 % 3_000)
    }

    private func send(_ sequence: Int32, _ writer: Writer) {
        let batch = TestBatch.make([value(writer.partition, sequence)], producerID: writer.producerID, epoch: 0, sequence: sequence)
        writer.client.send(.produce, version: 7, RawClient.produce(batch, topic: "t", partition: writer.partition))
    }

    /// Has up to five batches of every writer in flight, until `isOver` (asked after each answer) or until the broker is gone.
    func run(until isOver: () -> Bool) throws {
        while true {
            for number in writers.indices {
                while writers[number].open.count < 5 {
                    writers[number].open.append(writers[number].next)
                    writers[number].next += 1
                    send(writers[number].open.last ?? 0, writers[number])
                }
                guard let answer = writers[number].client.receive() else { return }
                let (error, offset) = try RawClient.produced(answer)
                try #require(error == ErrorCode.none, "\(writers[number].partition)-\(writers[number].open[0])")
                note(writers[number].open.removeFirst(), at: offset, by: writers[number])
                if isOver() { return }
            }
        }
    }

    private func note(_ sequence: Int32, at offset: Int64, by writer: Writer) {
        acknowledged[writer.partition, default: [:]][offset] = value(writer.partition, sequence)
    }

    /// After a restart: sends again what was not answered, as an idempotent client does.
    func resume() throws {
        for number in writers.indices {
            writers[number].client = try RawClient(port: broker.port)
            for sequence in writers[number].open { send(sequence, writers[number]) }
            while !writers[number].open.isEmpty {
                let (error, offset) = try RawClient.produced(try #require(writers[number].client.receive()))
                try #require(error == ErrorCode.none)
                note(writers[number].open.removeFirst(), at: offset, by: writers[number])
            }
        }
    }

    /// Everything acknowledged is there, in order, once; nothing else is.
    func check() throws {
        for writer in writers {
            let values = try DiskFullTests.values(writer.client, partition: writer.partition)
            #expect(values.count == Int(writer.next) && values == acknowledged[writer.partition] ?? [:])
            let inOrder = values.sorted { $0.key < $1.key }.map(\.value)
            #expect(inOrder == (0..<writer.next).map { value(writer.partition, $0) })
        }
    }
}

/// Kills and power cuts at random moments under load.
///
/// `BROKER_KILL_ROUNDS=50` makes the long run, by itself with `--filter EnduranceTests`; `BROKER_KILL_SEED` repeats the random choices of one, whose seed is printed.
@Suite(.serialized) struct EnduranceTests {
    private static func setting(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
    private static let rounds = setting("BROKER_KILL_ROUNDS") ?? 10
    private static let seed = UInt64(setting("BROKER_KILL_SEED") ?? Int.random(in: 0..<1_000_000_000))

    /// Ends the broker a random time after the load began, from a thread of its own, so that the moment does not depend on any answer.
    private func crash(_ broker: BrokerProcess, _ load: Load, _ random: inout SeededNumbers) throws {
        let processID = try broker.processID()
        let delay = useconds_t(random.next() % 60_000)
        let killer = Thread {
            usleep(delay)
            kill(processID, SIGKILL)
        }
        killer.start()
        try load.run { false }
        broker.kill()
    }

    @Test(arguments: ["none", "interval=20", "always"])
    func killsAtRandomPointsLoseNothing(sync: String) throws {
        print("kills: seed \(Self.seed), \(Self.rounds) rounds, --sync \(sync)")
        var random = SeededNumbers(seed: Self.seed)
        let broker = try BrokerProcess(["--sync", sync])
        _ = try RawClient(port: broker.port).createTopic("t", partitions: 3, overrides: ["segment.bytes": "1000000"])
        let load = try Load(broker, writers: 3)
        for _ in 0..<Self.rounds {
            try crash(broker, load, &random)
            try broker.start()
            try load.resume()
        }
        try load.check()
    }

    @Test(.enabled(if: SyncTrace.isAvailable, "needs /usr/bin/cc"))
    func powerCutsLoseNothingThatWasAcknowledgedAfterItsSync() throws {
        print("power cuts: seed \(Self.seed), \(Self.rounds) rounds")
        var random = SeededNumbers(seed: Self.seed)
        let trace = try SyncTrace()
        let broker = try BrokerProcess(["--sync", "always"], environment: trace.environment)
        _ = try RawClient(port: broker.port).createTopic("t", partitions: 3, overrides: ["segment.bytes": "1000000"])
        let load = try Load(broker, writers: 3)
        var harmed = 0
        for _ in 0..<Self.rounds {
            try crash(broker, load, &random)
            harmed += try trace.cutPower(&random)
            try broker.start()
            try load.resume()
        }
        #expect(harmed >= Self.rounds)
        try load.check()
    }
}
