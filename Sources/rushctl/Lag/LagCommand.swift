import ArgumentParser
import Foundation
import Lag
import Topics

/// How far consumer groups are behind.
struct LagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lag",
        abstract: "Shows how far each consumer group is behind, and whether it moves.",
        discussion: """
            One line for each group and topic, and one for each partition that is not well; --partitions shows all of them. Columns:

              MESSAGES   records that are kept and not committed
              SECONDS    age of the oldest of them, by its own time
              IN/S OUT/S records written and committed a second
              MEMBERS    consumers in the group now
              STATUS     ok        keeps up, or catches up
                         warning   commits, and yet the lag grew all the time
                         stalled   commits, but always the same offset
                         stopped   committed nothing while records waited
                         rewound   went back to an earlier offset (a replay)
                         unknown   could not be asked

            What the group has never committed counts from the oldest record. \
            What could not be asked is shown as ?, in JSON as null; it is never shown as 0. The rules are those of Burrow (github.com/linkedin/Burrow). \
            The first look reads the window's past from the brokers, so there is nothing to wait for. It belongs to no group and changes nothing.

            Examples:
              rushctl lag                               all groups, once
              rushctl lag --group payment --partitions  one, every partition
              rushctl lag --watch                       every 5 s, until Ctrl-C
              rushctl lag --check                       exit 1 unless all is ok
              rushctl lag --exporter --port 9106        for Prometheus; the ops
                                                        worker does it by itself

            Exit codes: 0 shown (with --check: all is ok), 1 failed or --check found something, 64 wrong usage.
            """)

    @Option(
        help: ArgumentHelp("Only this group; may be repeated. One that is not declared is taken with the topics it committed to.", valueName: "group")
    )
    var group: [String] = []

    @Option(help: ArgumentHelp("Only this topic; may be repeated.", valueName: "topic"))
    var topic: [String] = []

    @Flag(help: "Show every partition.")
    var partitions = false

    @Flag(help: "Show it again and again, until Ctrl-C. With --json one line each time.")
    var watch = false

    @Option(help: ArgumentHelp("Seconds between two looks of --watch and --exporter.", valueName: "seconds"))
    var interval: Double = 5

    @Option(help: ArgumentHelp("Seconds that the rules and the rates look back.", valueName: "seconds"))
    var window: Double = 60

    @Flag(help: "Print JSON: groups, with their partitions.")
    var json = false

    @Flag(help: "Exit with 1 when a status is not ok.")
    var check = false

    @Flag(help: "Serve Prometheus metrics instead, until SIGTERM or Ctrl-C.")
    var exporter = false

    @Option(help: ArgumentHelp("The port of --exporter; 0 takes a free one.", valueName: "port"))
    var port = 9106

    func validate() throws {
        if !(0.1...3600).contains(interval) { throw ValidationError("--interval must be from 0.1 to 3600 seconds") }
        if !(1...86_400).contains(window) { throw ValidationError("--window must be from 1 to 86400 seconds") }
        if !(0...65_535).contains(port) { throw ValidationError("--port must be from 0 to 65535") }
        if exporter, watch || json || check || partitions || !topic.isEmpty {
            throw ValidationError("--exporter goes with --group, --port, --interval and --window only")
        }
        if watch, check { throw ValidationError("--check looks once; leave --watch out") }
    }

    func run() async throws {
        if exporter { return try await LagServer(configuration: try lagConfiguration(), interval: .seconds(interval), port: port).run() }
        let sampler = try LagSampler(configuration: lagConfiguration(), logger: Connections.logger)
        do {
            if watch { try await watch(sampler) } else { try await once(sampler) }
        } catch {
            await sampler.shutdown()
            throw error
        }
        await sampler.shutdown()
    }

    private func once(_ sampler: LagSampler) async throws {
        let groups = try await look(sampler)
        try show(groups)
        if groups.allSatisfy({ $0.partitions.isEmpty }) {
            Output.progress(
                """
                Nothing is known of any partition. Is the broker at \(Connections.kafka()) up (KAFKA_BOOTSTRAP_SERVERS; `ops/run` starts one), \
                and are the topics applied (rushctl topics apply)?
                """)
            throw ExitCode.failure
        }
        if check, groups.contains(where: { $0.status != .ok }) { throw ExitCode.failure }
    }

    private func watch(_ sampler: LagSampler) async throws {
        do {
            try await StopSignals().unlessStopped {
                while !Task.isCancelled {
                    try show(try await look(sampler))
                    try await Task.sleep(for: .seconds(interval))
                }
            }
        } catch is StopSignals.Stopped {}
    }

    private func lagConfiguration() throws -> LagConfiguration {
        var configuration = LagConfiguration(bootstrapServers: Connections.kafka())
        configuration.clientID = "rushctl-lag"
        configuration.window = .seconds(window)
        if !group.isEmpty {
            let declared = try LagTarget.declared()
            configuration.targets = group.map { name in declared.first { $0.group == name } ?? LagTarget(group: name) }
        }
        return configuration
    }

    private func look(_ sampler: LagSampler) async throws -> [GroupLag] {
        let groups = await sampler.sample()
        // The broker answered, nobody is in it, and it has committed nothing. What is declared has its topics in any case.
        if let unknown = groups.first(where: { $0.members == 0 && $0.partitions.isEmpty && $0.missing.isEmpty }) {
            throw GroupName.unknown(unknown.group, known: try GroupName.declared())
        }
        if topic.isEmpty { return groups }
        return groups.map { $0.only(topics: Set(topic)) }.filter { !$0.partitions.isEmpty || !$0.missing.isEmpty }
    }

    private func show(_ groups: [GroupLag]) throws {
        if json {
            let report = LagReport(groups)
            if watch { print(String(decoding: try Output.encode(report, pretty: false), as: UTF8.self)) } else { try Output.json(report) }
        } else {
            // Home, and clear to the end of the screen, where somebody looks at one.
            if watch, isatty(STDOUT_FILENO) == 1 { print("\u{1B}[H\u{1B}[J", terminator: "") }
            print(LagTable(groups, showsAll: partitions).text)
        }
        fflush(nil)
    }
}
