import ArgumentParser
import DeadLetters
import Foundation

extension Dlq {
    struct RedriveCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "redrive",
            abstract: "Sends dead letters back to the worker that failed, and only to it.",
            discussion: """
                Named by their places, by options that all must hold, or --all. Only open ones are sent, each once, however many operators do this \
                at the same time: each is claimed in PostgreSQL, sent, acknowledged and then marked.

                Killed in the middle (Ctrl-C, kill -9, a lost machine) it goes on where it was with --resume JOB and the same choice; without \
                that, any redrive takes over what it left after a minute. What was sent already is found on the redrive topic and not sent again.

                --edit changes the value by a JSON merge patch (RFC 7396) before it is sent: members that the patch names are set, those it sets to \
                null are removed. The changed message is a new one with an id of its own; the original stays and is linked. Since that is no \
                longer what happened, it takes --allow-edit as well, and only dead letters named by their places.

                  rushctl dlq redrive --group payment --error-class gateway_timeout --dry-run
                  rushctl dlq redrive --group payment --error-class gateway_timeout --rate 50 --yes
                  rushctl dlq redrive payment.dlq/3/17 --edit '{"currency":"THB"}' --allow-edit
                """)

        @OptionGroup var choice: DeadLetterChoice
        @Flag(help: "All open dead letters of all workers.")
        var all = false
        @Option(help: "What was redriven so often already stays where it is, 1 to 100.")
        var maxRedrives = 3
        @Option(help: "Messages a second; without it as fast as they are taken.")
        var rate: Int?
        @Option(help: "A JSON merge patch to the value.")
        var edit: String?
        @Flag(help: "Agree to send something else than what failed.")
        var allowEdit = false
        @Option(help: "The id of a job that was killed.")
        var resume: String?
        @OptionGroup var manner: Manner

        func validate() throws {
            if choice.isEmpty, !all { throw ValidationError("Say which: places, options such as --group, or --all.") }
            if !choice.isEmpty, all { throw ValidationError("--all means everything; leave out the places and options, or --all.") }
            if !(1...100).contains(maxRedrives) { throw ValidationError("--max-redrives must be from 1 to 100.") }
            if let rate, !(1...100_000).contains(rate) { throw ValidationError("--rate must be from 1 to 100,000 messages a second.") }
            if edit != nil, !allowEdit {
                throw ValidationError("--edit sends something else than what failed: if that is meant, say --allow-edit too.")
            }
            if edit != nil, choice.places.isEmpty { throw ValidationError("--edit needs the places of the dead letters to change.") }
        }

        func run() async throws {
            let filter = try choice.filter(.open)
            var options = RedriveOptions(
                actor: AuditTrail.actor, jobID: resume, maxRedrives: maxRedrives, rate: rate, isDryRun: true, edit: edit.map { Array($0.utf8) })
            try await Dlq.withDesk(for: filter) { desk in
                let plan = try await desk.redrive(filter, options)
                if manner.dryRun {
                    if manner.json { return try Output.json(plan) }
                    DeadLetterPrinter.show(plan.reasons)
                    print("\(plan.matched - plan.stayed - plan.busy) would be sent\(Self.left(plan))")
                    return
                }
                if !manner.yes { DeadLetterPrinter.show(plan.reasons, on: Output.progress) }
                if plan.matched > 0 { try Consent.ask("Send \(plan.matched - plan.stayed - plan.busy) messages to their workers?", yes: manner.yes) }
                options.isDryRun = false
                try await finish(desk, filter, options)
            }
        }

        private func finish(_ desk: DeadLetterDesk, _ filter: DeadLetterFilter, _ options: RedriveOptions) async throws {
            let report: RedriveReport
            // Who is killed cannot say it any more.
            Output.progress("job \(options.jobID)")
            do {
                report = try await StopSignals().unlessStopped {
                    try await desk.redrive(filter, options) { progress in ProgressLine.shared.show(Self.line(progress)) }
                }
                ProgressLine.shared.end()
            } catch {
                ProgressLine.shared.end()
                Output.progress("go on with the same choice and: --resume \(options.jobID)")
                if error is StopSignals.Stopped { throw ExitCode(1) }
                throw error
            }
            if manner.json {
                try Output.json(report)
            } else {
                let found = report.foundSent > 0 ? " (\(report.foundSent) of them had been sent before the kill)" : ""
                print("\(report.redriven) redriven\(found)\(Self.left(report)), job \(report.jobID)")
                for fault in report.failed { print("  not sent: \(fault.place): \(fault.reason)") }
            }
            if !report.failed.isEmpty { throw ExitCode(1) }
        }

        private static func line(_ progress: RedriveProgress) -> String {
            let filled = progress.total > 0 ? progress.done * 20 / progress.total : 20
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
            let left = progress.secondsLeft.map { $0 > 0 ? ", \(Int($0.rounded(.up))) s left" : "" } ?? ""
            return "[\(bar)] \(progress.done)/\(progress.total), \(Int(progress.perSecond))/s\(left)"
        }

        private static func left(_ report: RedriveReport) -> String {
            (report.stayed > 0 ? ", \(report.stayed) stay as they were redriven too often" : "")
                + (report.busy > 0 ? ", \(report.busy) are in the hands of another job" : "")
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts open dead letters aside for good, with a reason.",
            discussion: """
                The records stay on the topic and can be listed (--status discarded) and exported; an import brings them back. \
                For example: rushctl dlq discard --group payment --text load-test --reason "left over from the load test"
                """)

        @OptionGroup var choice: DeadLetterChoice
        @Flag(help: "All open dead letters of all workers.")
        var all = false
        @Option(help: "Why, 1 to 500 bytes; for those who ask later.")
        var reason: String
        @OptionGroup var manner: Manner

        func validate() throws {
            if choice.isEmpty, !all { throw ValidationError("Say which: places, options such as --group, or --all.") }
            if !choice.isEmpty, all { throw ValidationError("--all means everything; leave out the places and options, or --all.") }
            if !(1...500).contains(reason.utf8.count) { throw ValidationError("--reason must be 1 to 500 bytes.") }
        }

        func run() async throws {
            let filter = try choice.filter(.open)
            try await Dlq.withDesk(for: filter) { desk in
                var report = try await desk.discard(filter, reason: reason, actor: AuditTrail.actor, dryRun: true)
                if !manner.dryRun {
                    if !manner.yes { DeadLetterPrinter.show(report.reasons, on: Output.progress) }
                    try Consent.ask("Put \(report.reasons.reduce(0) { $0 + $1.count } - report.busy) messages aside for good?", yes: manner.yes)
                    report = try await desk.discard(filter, reason: reason, actor: AuditTrail.actor)
                }
                if manner.json { return try Output.json(report) }
                if manner.dryRun { DeadLetterPrinter.show(report.reasons) }
                let busy = report.busy > 0 ? ", \(report.busy) are claimed by a redrive (rushctl dlq redrive finishes it)" : ""
                print(manner.dryRun ? "nothing was done\(busy)" : "\(report.discarded) discarded\(busy)")
            }
        }
    }
}
