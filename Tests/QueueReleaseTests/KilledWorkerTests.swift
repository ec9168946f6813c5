import BookingEngine
import Domain
import Foundation
import KafkaClient
import LocalStack
import RedisClient
import Synchronization
import Testing
import Topics

@Suite(.serialized, .enabled(if: LineOffice.worker != nil)) struct KilledWorkerTests {
    /// Kills of each of two copies, at random moments.
    private static let kills = 6

    @Test func twoCopiesThatAreKilledAtAnyMomentAdmitEachOnceAndNoMoreThanThePlaces() async throws {
        try await LineOffice.with(places: 700) { office in
            _ = try await office.engine.setQueueMode(event: office.event, mode: .fifo, actor: "test")
            let users = try await office.joined(1000)
            // As a recovery would leave it: the worker asks nothing of a Redis that nobody checked.
            let runID = try #require(office.redis.serverRunID)
            _ = try await office.redis.pipeline(Shard.all.map { RedisCommand("SET", Keys.trusted($0), runID) })
            try await office.stack.startWorker("queue-release", copies: 2)
            let isOver = Atomic(false)
            let killing = Task {
                for _ in 0..<Self.kills {
                    for copy in 1...2 {
                        try await Task.sleep(for: .milliseconds(Int.random(in: 50...900)))
                        try await office.stack.kill(.worker("queue-release", copy: copy))
                        try await office.stack.startWorker("queue-release", copies: 2)
                    }
                }
            }
            let buying = Task {
                while !isOver.load(ordering: .relaxed) {
                    for entry in try await office.engine.queueEntries(event: office.event, users: users).compactMap({ $0 })
                    where entry.status == .admitted {
                        let outcome = try await office.reserve(entry)
                        if outcome.label != "reserved" { Issue.record("\(outcome)") }
                    }
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            #expect(try await office.eventually(within: .seconds(60)) { try await office.count(.used, of: users) == 700 })
            try await killing.value
            isOver.store(true, ordering: .relaxed)
            try await buying.value
            #expect(try await office.engine.zoneCounts([(office.zone, office.shard)])[0]?.held == 700)
            #expect(try await office.count(.waiting, of: users) == 300)
            let admitted = try await office.told().filter { $0.status == .admitted }
            #expect(admitted.count == 700 && Set(admitted.map(\.user)) == Set(users[..<700]), "each once, in the order of the line")
            for copy in 1...2 { _ = await office.stack.stop(.worker("queue-release", copy: copy)) }
        }
    }
}

extension LineOffice {
    /// The worker's binary beside the broker's; nil where it was not built.
    static var worker: String? {
        guard let broker else { return nil }
        let path = URL(fileURLWithPath: broker).deletingLastPathComponent().appendingPathComponent("queue-release").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    func reserve(_ entry: QueueEntry) async throws -> ReserveOutcome {
        let json = #"{"event_id":"\#(event)","show_id":"\#(show)","zone_id":"\#(zone)","quantity":1}"#
        let request = try ReserveRequest(json: Array(json.utf8))
        let context = BookingEngine.ReserveContext(
            user: entry.user, idempotencyKey: UUID().uuidString, bodyHash: "00", trace: "", age: nil, pass: entry.id)
        return try await withUnsafeContinuation { continuation in
            engine.reserve(request, context, booking: .make(nowMs: BookingEngine.wallClockMs(), shard: shard)) { continuation.resume(returning: $0) }
        }.get().outcome
    }

    /// What the topic and the outbox tell of places, each event once.
    func told() async throws -> [QueuePlace] {
        var values: [[UInt8]] = []
        let outbox = try await redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", "+"))
        for element in outbox.elements ?? [] {
            if let fields = element.elements?.last?.elements, fields[1].text?.hasPrefix("queue.") == true, let value = fields.last?.bytes {
                values.append(value)
            }
        }
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (partition, kept) in try await admin.offsets(topic: Topic.queueEvents.name) where kept.high > 0 {
            ranges[KafkaTopicPartition(topic: Topic.queueEvents.name, partition: partition)] = 0..<kept.high
        }
        let reader = try KafkaRangeReader(bootstrapServers: stack.endpoints.kafkaBootstrapServers, clientID: "test", ranges: ranges, logger: logger)
        while let messages = try await reader.next(max: 1000) { values += messages.compactMap(\.value) }
        await reader.close()
        var places: [Int64: QueuePlace] = [:]
        for value in values {
            if case .place(let place) = try QueueEvent(json: value) { places[place.version] = place }
        }
        return places.sorted { $0.key < $1.key }.map(\.value)
    }
}
