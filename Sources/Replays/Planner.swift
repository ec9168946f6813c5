import Domain
import KafkaClient
import Topics

/// Works out what a request means on the cluster as it is.
struct Planner {
    /// Records a second that are read, and sent or made rows of, where nothing slows it down: what two cores do, for estimates.
    private static let speed = (reading: 60_000.0, sending: 20_000.0, projecting: 12_000.0)

    let desk: ReplayDesk
    let admin: KafkaAdmin

    /// - Parameter counting: whether a filtered request is counted by reading.
    func plan(_ request: ReplayRequest, counting: Bool, _ progress: @Sendable (ReplayProgress) -> Void) async throws -> ReplayPlan {
        try request.validate()
        let kept: [Int32: KafkaOffsetRange]
        do {
            kept = try await admin.offsets(topic: request.topic)
        } catch {
            guard error.code == .unknownTopic else { throw error }
            throw ReplayError(.invalidRequest, "plan", "there is no topic \(request.topic)", underlying: error)
        }
        if let missing = request.partitions?.first(where: { kept[$0] == nil }) {
            throw ReplayError(.invalidRequest, "plan", "\(request.topic) has no partition \(missing)")
        }
        var (obstacles, notes): ([String], [String]) = ([], [])
        let from = try await offsets(request.from, request.topic, default: kept.mapValues(\.low))
        let until = try await offsets(request.until, request.topic, default: kept.mapValues(\.high))
        var committed: [KafkaTopicPartition: Int64] = [:]
        var members = 0
        switch request.into {
        case .group(let group): (committed, members) = try await check(group, request, &obstacles, &notes)
        case .worker(let group): try await check(worker: group, request, kept.count, &obstacles)
        case .rebuild(let projection):
            let tables = projection.tables.map(\.name).joined(separator: ", ")
            notes.append("made beside the tables in use, compared with them, and put in their place: \(tables)")
        }
        var partitions: [ReplayPlan.Partition] = []
        for (number, range) in kept.sorted(by: { $0.key < $1.key }) where request.partitions?.contains(number) != false {
            // What is written now has offsets that no range may name, and what retention deleted cannot be read.
            let first = min(max(from[number] ?? range.low, range.low), range.high)
            if case .offset(let wanted)? = request.from, wanted < range.low { notes.append("partition \(number): kept from \(range.low) on") }
            let end = min(max(until[number] ?? range.high, first), range.high)
            partitions.append(
                ReplayPlan.Partition(
                    topic: request.topic, partition: number, from: first, until: end, records: end - first, matching: nil,
                    committed: committed[KafkaTopicPartition(topic: request.topic, partition: number)]))
        }
        if case .rebuild(let projection) = request.into {
            for topic in projection.topics where topic != projection.topic {
                for (number, range) in try await admin.offsets(topic: topic.name).sorted(by: { $0.key < $1.key }) {
                    partitions.append(
                        ReplayPlan.Partition(
                            topic: topic.name, partition: number, from: range.low, until: range.high, records: range.high - range.low, matching: nil,
                            committed: nil))
                }
            }
        }
        let records = partitions.reduce(0) { $0 + $1.records }
        var selected = records
        if request.isFiltered, counting { selected = try await count(request, &partitions, records, progress) }
        return ReplayPlan(
            request: request, partitions: partitions, records: records, selected: selected,
            estimatedSeconds: Self.estimate(request, records: records, selected: selected), obstacles: obstacles, notes: notes,
            hasMembers: members > 0 && !obstacles.isEmpty)
    }

    private func offsets(_ position: ReplayRequest.Position?, _ topic: String, default fallback: [Int32: Int64]) async throws -> [Int32: Int64] {
        switch position {
        case nil: fallback
        case .offset(let offset)?: fallback.mapValues { _ in offset }
        case .time(let time)?: try await offsets(since: time, topic)
        }
    }

    /// A broker that does not look into its batches names the first of the batch, so the rest of the way is read.
    private func offsets(since time: Timestamp, _ topic: String) async throws -> [Int32: Int64] {
        var offsets = try await admin.offsets(topic: topic, sinceMs: time.ms)
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (number, kept) in try await admin.offsets(topic: topic) {
            guard let first = offsets[number], first < kept.high else { continue }
            ranges[KafkaTopicPartition(topic: topic, partition: number)] = first..<kept.high
            offsets[number] = kept.high
        }
        var open = Set(ranges.keys)
        let reader = try KafkaRangeReader(bootstrapServers: desk.bootstrapServers, clientID: "replay-planner", ranges: ranges, logger: desk.logger)
        do {
            while !open.isEmpty, let messages = try await reader.next(max: ReplayDesk.readAhead) {
                for message in messages where message.timestampMs ?? 0 >= time.ms && open.remove(message.topicPartition) != nil {
                    offsets[message.partition] = message.offset
                }
            }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
        return offsets
    }

    private func check(
        _ group: String, _ request: ReplayRequest, _ obstacles: inout [String], _ notes: inout [String]
    ) async throws -> ([KafkaTopicPartition: Int64], members: Int) {
        let found = try await admin.group(group)
        let committed = try await admin.committedOffsets(group: group)
        if found == nil, committed.isEmpty { obstacles.append("the coordinator knows no group \(group)") }
        let members = found?.members ?? 0
        if members > 0 {
            if request.stopFleet, desk.stopFleet != nil {
                notes.append("the \(members) members of \(group) are stopped, and started again at the end")
            } else if request.stopFleet {
                obstacles.append("this process cannot stop the members of \(group); stop them by rushctl fleet, or by hand")
            } else {
                obstacles.append(
                    "\(group) has \(members) active members; stop them first, or ask for that (--stop-fleet), or use a worker's side stream")
            }
        }
        notes.append("the members of \(group) read again from there on, as fast as they work")
        return (committed, members)
    }

    private func check(worker group: String, _ request: ReplayRequest, _ partitions: Int, _ obstacles: inout [String]) async throws {
        let redrive = SideStream.topic(of: group)
        if try await admin.topics().first(where: { $0.name == redrive }) == nil {
            obstacles.append("there is no topic \(redrive), so no worker of that group has a side stream (rushctl topics apply)")
        }
        guard let letters = Topic.deadLetters(of: group), let declared = try? TopicCatalogue.load()[letters] else { return }
        let readable = declared.sources.map(\.name) + Topic.retries(of: group).map(\.name) + [letters.name]
        if !readable.contains(request.topic) {
            obstacles.append("\(group) does not handle messages of \(request.topic), only of \(declared.sources.map(\.name).joined(separator: ", "))")
        }
    }

    private func count(
        _ request: ReplayRequest, _ partitions: inout [ReplayPlan.Partition], _ records: Int64, _ progress: @Sendable (ReplayProgress) -> Void
    ) async throws -> Int64 {
        let filter = RecordFilter(request)
        var matching: [Int32: Int64] = [:]
        var meter = Meter(id: "", phase: "scanning", total: records)
        let ranges = partitions.map { (KafkaTopicPartition(topic: $0.topic, partition: $0.partition), $0.from..<$0.until) }
        try await desk.reading(Dictionary(uniqueKeysWithValues: ranges)) { messages in
            var fits: Int64 = 0
            for message in messages where filter.fits(message) {
                matching[message.partition, default: 0] += 1
                fits += 1
            }
            if let state = meter.add(read: Int64(messages.count), taken: fits) { progress(state) }
        }
        for index in partitions.indices { partitions[index].matching = matching[partitions[index].partition] ?? 0 }
        return matching.values.reduce(0, +)
    }

    private static func estimate(_ request: ReplayRequest, records: Int64, selected: Int64) -> Double? {
        let reading = Double(records) / speed.reading
        let rate = request.rate.map(Double.init)
        switch request.into {
        case .group: return nil
        case .worker: return reading + Double(selected) / min(rate ?? speed.sending, speed.sending)
        case .rebuild: return Double(records) / min(rate ?? speed.projecting, speed.projecting)
        }
    }
}

/// Which records of a range are chosen.
struct RecordFilter: Sendable {
    private let key: [UInt8]?
    private let type: String?

    init(_ request: ReplayRequest) {
        key = request.key.map { Array($0.utf8) }
        type = request.type
    }

    func fits(_ message: KafkaMessage) -> Bool {
        if let key, message.key != key { return false }
        if let type, message.headers.text("ce_type") != type { return false }
        return true
    }
}
