import ArgumentParser
import DeadLetters
import Foundation

extension Dlq {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes dead letters as NDJSON, byte for byte.",
            discussion: """
                A line each: topic, partition, offset, key, value, headers, time. What is not UTF-8 is base64 (key_base64, value_base64). \
                For example: rushctl dlq export --group payment > payment.ndjson
                """)

        @OptionGroup var choice: DeadLetterChoice
        @Option(help: "open, redriven, discarded or all.")
        var status = DeadLetterState.open
        @Flag(help: "Print JSON; it always does.")
        var json = false

        func run() async throws {
            let filter = try choice.filter(status.status)
            try await Dlq.withDesk(for: filter) { desk in
                let count = try await desk.export(filter) { line in FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
                Output.progress("\(count) dead letters")
            }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes in dead letters that were exported, here or elsewhere.",
            discussion: """
                Each is written to its dead-letter topic byte for byte and is open. What is known already and not discarded is left out, so the same \
                file twice changes nothing. For example: rushctl dlq import payment.ndjson --dry-run
                """)

        @Argument(help: "A file that rushctl dlq export wrote.")
        var file: String
        @OptionGroup var manner: Manner

        func run() async throws {
            let text: String
            do { text = try String(contentsOfFile: file, encoding: .utf8) } catch { throw ValidationError("'\(file)' cannot be read as UTF-8.") }
            let lines = text.split(separator: "\n").map { String($0) }
            if manner.dryRun {
                return manner.json
                    ? try Output.json(["lines": lines.count]) : print("\(lines.count) dead letters would be taken in; nothing was done")
            }
            try Consent.ask("Take in \(lines.count) dead letters?", yes: manner.yes)
            try await Dlq.withDesk { desk in
                let report = try await desk.importing(lines, actor: AuditTrail.actor)
                if manner.json { return try Output.json(report) }
                print("\(report.imported) taken in, \(report.known) known already")
            }
        }
    }
}
