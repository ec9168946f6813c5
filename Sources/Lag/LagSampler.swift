import Glibc
import KafkaClient
public import Logging
import Topics

/// Asks the brokers how far consumer groups are behind, and remembers a window of answers to tell how they do.
///
/// One sample at a time. It belongs to no group and changes nothing. ``shutdown()`` must be called.
public actor LagSampler {
    private let configuration: LagConfiguration
    private let targets: [LagTarget]
    private let admin: KafkaAdmin
    private let commits: CommitReader?
    private let times: RecordTimes?
    private let rules: LagRules
    private let logger: Logger
    private var histories: [LagPlace: LagHistory] = [:]
    private var hasPast = false
    /// Since when every commit is known, in ms since 1970; nil while commits cannot be read.
    private var commitsSinceMs: Int64?

    /// Makes the clients; they connect with the first sample.
    /// - Throws: ``KafkaError`` `.invalidConfiguration` or `.resources`; a `TopicError` where the declarations are malformed.
    public init(configuration: LagConfiguration, logger: Logger) throws {
        let servers = configuration.bootstrapServers
        self.configuration = configuration
        self.logger = logger
        targets = try configuration.targets ?? LagTarget.declared()
        rules = LagRules(windowMs: configuration.window.milliseconds)
        var settings = KafkaAdminConfiguration(bootstrapServers: servers, clientID: configuration.clientID)
        settings.limit = configuration.limit
        admin = try KafkaAdmin(configuration: settings, logger: logger)
        guard configuration.readsTimes else {
            commits = nil
            times = nil
            return
        }
        // Twice the window: what was committed when it began may have been written before.
        commits = try CommitReader(
            bootstrapServers: servers, clientID: configuration.clientID, spanMs: 2 * configuration.window.milliseconds, logger: logger)
        times = try RecordTimes(bootstrapServers: servers, clientID: configuration.clientID, logger: logger)
    }

    /// The groups now, in the order in which they were asked for. What cannot be asked is nil with status unknown; this never fails.
    public func sample() async -> [GroupLag] {
        let cluster = await LagReading.take(targets, admin: admin, logger: logger)
        let nowMs = Self.nowMs()
        await readCommits(nowMs)
        let groups = cluster.groups.map { group in
            let known = Set(histories.keys.filter { $0.group == group.name }.map(\.partition))
            return (group, group.topics.map { topic in (topic, known.filter { $0.topic == topic }) })
        }
        await addPast(cluster, nowMs)
        for group in cluster.groups { for (place, now) in group.observations(atMs: nowMs) { observe(place, now, nowMs) } }
        let oldest = await readTimes(cluster, nowMs)
        return groups.map { group, topics in
            var lag = GroupLag(group: group.name, members: group.members)
            for (topic, known) in topics {
                let partitions = known.union(group.partitions(of: topic))
                if partitions.isEmpty { lag.missing.append(topic) }
                for partition in partitions.sorted() {
                    let place = LagPlace(group: group.name, partition: partition)
                    lag.partitions.append(describe(place, group.states[partition], oldest, nowMs))
                }
            }
            return lag
        }
    }

    /// Messages that some groups have not done, asked for once, on all their partitions together; nil as soon as one of them cannot be asked.
    /// - Throws: as ``init(configuration:logger:)``.
    public static func backlog(bootstrapServers: String, _ targets: [LagTarget], logger: Logger) async throws -> Int64? {
        var configuration = LagConfiguration(bootstrapServers: bootstrapServers)
        configuration.targets = targets
        configuration.readsTimes = false
        let sampler = try LagSampler(configuration: configuration, logger: logger)
        let messages = await sampler.sample().map(\.messages)
        await sampler.shutdown()
        return messages.contains(nil) ? nil : messages.compactMap { $0 }.reduce(0, +)
    }

    /// Ends the clients.
    public func shutdown() async {
        await commits?.close()
        await times?.close()
        await admin.shutdown()
    }

    private func describe(_ place: LagPlace, _ state: LagReading.State?, _ oldest: [RecordTimes.Place: Int64], _ nowMs: Int64) -> PartitionLag {
        var lag = PartitionLag(group: place.group, topic: place.partition.topic, partition: place.partition.partition)
        lag.committed = state?.committed
        lag.end = state?.range.high
        guard let state, let messages = state.messages, var history = histories[place] else { return lag }
        history.oldestMs = messages > 0 ? oldest[RecordTimes.Place(partition: place.partition, offset: state.next)] : nil
        history.commitsSinceMs = commitsSinceMs
        histories[place] = history
        lag.messages = messages
        lag.seconds = messages == 0 ? 0 : history.oldestMs.map { Double(max(0, nowMs - $0)) / 1000 }
        lag.rateIn = history.rate(\.end)
        lag.rateOut = history.rate(\.committed)
        lag.status = rules.status(history, nowMs: nowMs)
        return lag
    }

    private func observe(_ place: LagPlace, _ now: LagObservation, _ nowMs: Int64) {
        histories[place, default: LagHistory()].observe(now)
        histories[place]?.forget(beforeMs: nowMs - rules.windowMs)
    }

    /// Before the first observation, and only where all commits of the window are known.
    private func addPast(_ cluster: LagReading, _ nowMs: Int64) async {
        guard !hasPast, commitsSinceMs != nil, cluster.groups.contains(where: { !$0.states.isEmpty }) else { return }
        hasPast = true
        let past = await PastEnds.ask(Set(cluster.groups.flatMap(\.topics)), nowMs: nowMs, windowMs: rules.windowMs, admin: admin)
        for group in cluster.groups {
            for (partition, state) in group.states {
                let place = LagPlace(group: group.name, partition: partition)
                guard histories[place]?.observations.isEmpty != false else { continue }
                let commits = histories[place]?.commits ?? []
                histories[place, default: LagHistory()].begin(past.observations(of: partition, state, commits: commits))
            }
        }
    }

    private func readCommits(_ nowMs: Int64) async {
        guard let commits else { return }
        commitsSinceMs = nil
        do throws(KafkaError) {
            let (entries, since) = try await commits.read(admin: admin, nowMs: nowMs, limit: configuration.readLimit)
            commitsSinceMs = since
            let groups = Set(targets.map(\.group))
            for entry in entries where groups.contains(entry.place.group) {
                histories[entry.place, default: LagHistory()].add(entry.commit, spacingMs: rules.windowMs / 32)
            }
        } catch {
            logger.debug("commits cannot be read", metadata: ["error.class": "\(error.label)"])
        }
    }

    private func readTimes(_ cluster: LagReading, _ nowMs: Int64) async -> [RecordTimes.Place: Int64] {
        let places = cluster.groups.flatMap { group in
            group.states.compactMap { partition, state in
                (state.messages ?? 0) > 0 ? RecordTimes.Place(partition: partition, offset: state.next) : nil
            }
        }
        return await times?.times(of: Set(places), limit: configuration.readLimit) ?? [:]
    }

    /// The wall clock, in ms since 1970, as records' times are.
    private static func nowMs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
