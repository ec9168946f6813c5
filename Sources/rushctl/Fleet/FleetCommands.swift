import ArgumentParser
import Fleet
import Foundation
import Glibc

/// `rushctl fleet status`.
struct FleetStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows the copies of each worker, its lag, and why there are as many as there are.",
        discussion:
            """
            COPIES are those that are ready, and behind an arrow as many as there should be. LAG WANTS is what the lag asks for by itself: in mode auto that \
            is followed, in mode fixed an operator's number stands. A question mark is a lag that is unknown, which is never zero.
            Exit code 1 when a copy has crashed and is not back yet, or no fleet runs.
            """)

    @OptionGroup var options: FleetOptions

    func run() async throws {
        var isSound = false
        try await options.perform { control in
            let status = try await control.status()
            isSound = !status.workers.contains { $0.copies.contains { $0.phase == .waiting } }
            return status
        }
        if !isSound { throw ExitCode(1) }
    }
}

/// `rushctl fleet scale`.
struct FleetScale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Sets how many copies of a worker run, or lets them follow the lag again.",
        discussion: """
            A number stands, whatever the lag, until `fleet scale WORKER auto`; 0 keeps the worker down. Copies that go finish what is in hand first. \
            Waits until it is done. Copies up to the minimum of the file have a name in their group, so that partitions of one that is taken away wait 6 s \
            for it; copies above leave at once.
            """)

    @Argument(help: "The worker, as `fleet status` names it.")
    var worker: String

    @Argument(help: "How many copies, or auto.")
    var copies: String

    @Option(help: ArgumentHelp("How long to wait until it is done; 0 does not wait.", valueName: "seconds"))
    var wait = 60

    @Flag(help: "Only say what would be done.")
    var dryRun = false

    @OptionGroup var options: FleetOptions

    private static let rule = "COPIES must be auto, or from 0 to 100 and at most one for each partition that the worker reads."

    /// Refuses a negative number of copies, which the parser takes for an option that it does not know.
    static func refusal(of words: [String]) -> String? {
        guard words.starts(with: ["fleet", "scale"]) else { return nil }
        let isNegative = zip(words, words.dropFirst()).contains { before, word in !before.hasPrefix("--") && word.hasPrefix("-") && Int(word) != nil }
        return isNegative ? "Error: \(rule)\n  See 'rushctl fleet scale --help' for more information." : nil
    }

    func validate() throws {
        if copies != "auto", Int(copies).map({ !(0...100).contains($0) }) ?? true { throw ValidationError(Self.rule) }
        if !(0...3600).contains(wait) { throw ValidationError("--wait must be from 0 to 3600.") }
    }

    func run() async throws {
        try await options.perform { control in
            if dryRun {
                let status = try await control.status()
                guard let now = status.workers.first(where: { $0.worker == worker }) else {
                    Output.progress("there is no worker \(worker); there are \(status.workers.map(\.worker).joined(separator: ", "))")
                    throw ExitCode(1)
                }
                Output.progress("would be done: \(worker) has \(now.target) copies, and gets \(copies)")
                return status
            }
            let status = try await control.scale(worker, Int(copies).map { .fixed($0) } ?? .automatic)
            let what =
                copies == "auto" ? "\(worker) follows its lag" : "\(worker) has \(copies) copies, whatever its lag, \(control.untilAutomatic(worker))"
            return try await control.followed(status, worker, what, wait: wait)
        }
    }
}

/// `rushctl fleet drain`.
struct FleetDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Lets the copies of a worker finish what is in hand, and stops them.",
        discussion: """
            The worker stays down, and its messages wait on their topics, until `fleet scale WORKER auto`. With --copy only that copy is drained, and started \
            anew: for one that misbehaves. A copy that does not finish within the file's drain time is killed; what it had is delivered again.
            """)

    @Argument(help: "The worker, as `fleet status` names it.")
    var worker: String

    @Option(help: "Only this copy, which is then started anew.")
    var copy: Int?

    @Option(help: ArgumentHelp("How long to wait until it is done; 0 does not wait.", valueName: "seconds"))
    var wait = 60

    @Flag(help: "Only say what would be done.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var options: FleetOptions

    func validate() throws {
        if !(0...3600).contains(wait) { throw ValidationError("--wait must be from 0 to 3600.") }
    }

    func run() async throws {
        try await options.perform { control in
            let what = copy.map { "copy \($0) of \(worker) is drained and started anew" } ?? "every copy of \(worker) is drained, and it stays down"
            guard try FleetConsent.given(what, dryRun: dryRun, yes: yes) else { return try await control.status() }
            let status = try await control.drain(worker, copy: copy)
            return try await control.followed(status, worker, copy == nil ? "\(what) \(control.untilAutomatic(worker))" : what, wait: wait)
        }
    }
}

/// `rushctl fleet down`.
struct FleetDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Drains every copy of every worker.",
        discussion: "A `fleet up` ends then. Under ops/run the stores and the ingress go on, and `fleet scale WORKER auto` brings a worker back.")

    @Flag(help: "Only say what would be done.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Option(help: ArgumentHelp("How long to wait until it is done; 0 does not wait.", valueName: "seconds"))
    var wait = 60

    @OptionGroup var options: FleetOptions

    func validate() throws {
        if !(0...3600).contains(wait) { throw ValidationError("--wait must be from 0 to 3600.") }
    }

    func run() async throws {
        try await options.perform { control in
            guard try FleetConsent.given("every copy of every worker is drained", dryRun: dryRun, yes: yes) else { return try await control.status() }
            var status = try await control.down()
            let deadline = ContinuousClock.now + .seconds(wait)
            while wait > 0, !status.workers.allSatisfy(\.isSettled) {
                guard ContinuousClock.now < deadline else {
                    Output.progress("rushctl fleet: not down after \(wait) s; \(status.log) says what it does")
                    throw ExitCode(1)
                }
                try await Task.sleep(for: .milliseconds(100))
                // A supervisor that has ended has no copies left.
                guard let next = try? await control.status() else { return FleetStatus(down: status) }
                status = next
            }
            return status
        }
    }
}

extension FleetControl {
    /// How an operator's number of copies ends.
    fileprivate func untilAutomatic(_ worker: String) -> String { "until `rushctl fleet scale \(worker) auto`" }

    /// Says what an order that was accepted leads to, and waits for that.
    fileprivate func followed(_ accepted: FleetStatus, _ worker: String, _ what: String, wait: Int) async throws -> FleetStatus {
        Output.progress("accepted: \(what); " + (wait == 0 ? "`rushctl fleet status` shows how far it is" : "waiting for it, \(wait) s at most"))
        return wait == 0 ? accepted : try await settled(worker, limit: .seconds(wait))
    }
}

/// Whether what takes work away is wanted.
enum FleetConsent {
    /// - Returns: false for a dry run.
    /// - Throws: `ExitCode(1)` when nobody said yes.
    static func given(_ what: String, dryRun: Bool, yes: Bool) throws -> Bool {
        if dryRun {
            Output.progress("would be done: \(what)")
            return false
        }
        if yes { return true }
        guard isatty(STDIN_FILENO) == 1 else {
            Output.progress("nothing is done without --yes: \(what)")
            throw ExitCode(1)
        }
        Output.progress("\(what). Go on? [y/N]")
        guard readLine()?.lowercased() == "y" else { throw ExitCode(1) }
        return true
    }
}
