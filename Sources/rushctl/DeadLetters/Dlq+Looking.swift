import ArgumentParser
import DeadLetters
import Foundation

extension Dlq {
    struct Groups: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Counts failures by worker, error class and place in the code.",
            discussion: "The most frequent first, each with its first and last failure and an example for rushctl dlq show.")

        @OptionGroup var choice: DeadLetterChoice
        @Option(help: "open, redriven, discarded or all.")
        var status = DeadLetterState.open
        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let filter = try choice.filter(status.status)
            try await Dlq.withDesk(for: filter) { desk in
                let groups = try await desk.groups(filter)
                if json { return try Output.json(groups) }
                DeadLetterPrinter.show(groups)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists dead letters, the latest failure first.",
            discussion: "For example: rushctl dlq list --group payment --error-class gateway_timeout --since 2026-11-21T10:00:00Z")

        @OptionGroup var choice: DeadLetterChoice
        @OptionGroup var page: DeadLetterPage

        func run() async throws { try await page.run(choice) }
    }

    struct Search: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Finds dead letters by a text, in any state.",
            discussion: """
                The text is looked for in values (their first 8 KiB), errors, keys and message ids; case does not matter. The options narrow \
                it down. For example: rushctl dlq search 0198d2f4-7c1a --group payment
                """)

        @Argument(help: "What to look for.")
        var needle: String
        @OptionGroup var narrowing: DeadLetterNarrowing
        @OptionGroup var page: DeadLetterPage

        func run() async throws {
            try await page.run(narrowing.filter(text: needle, status: nil), defaultStatus: .all)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows one dead letter: headers, value, failures, trace id.",
            discussion: "The record is read from its topic. What is not UTF-8 is shown as base64. For example: rushctl dlq show payment.dlq/3/17")

        @Argument(help: "Its place, topic/partition/offset.")
        var place: String
        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let place = try DeadLetterChoice.place(place)
            try await Dlq.withDesk { desk in
                let details = try await desk.show(place)
                if json { return try Output.json(details) }
                DeadLetterPrinter.show(details)
            }
        }
    }
}

/// Which part of a list is shown, and how.
struct DeadLetterPage: ParsableArguments {
    @Option(help: "open, redriven, discarded or all. (default: open; of a search all)")
    var status: DeadLetterState?
    @Option(help: "Which page, from 1.")
    var page = 1
    @Option(help: "Dead letters on a page, 1 to 1,000.")
    var perPage = 50
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if page < 1 { throw ValidationError("--page counts from 1.") }
        if !(1...1_000).contains(perPage) { throw ValidationError("--per-page must be from 1 to 1,000.") }
    }

    private struct Page: Encodable {
        let total: Int
        let page: Int
        let letters: [DeadLetter]
    }

    func run(_ choice: DeadLetterChoice) async throws { try await run(try choice.filter(nil), defaultStatus: .open) }

    func run(_ filter: DeadLetterFilter, defaultStatus: DeadLetterState) async throws {
        var filter = filter
        filter.status = (status ?? defaultStatus).status
        let chosen = filter
        try await Dlq.withDesk(for: chosen) { desk in
            let (letters, total) = try await desk.list(chosen, page: page, perPage: perPage)
            if json { return try Output.json(Page(total: total, page: page, letters: letters)) }
            DeadLetterPrinter.show(letters)
            print("\(letters.count) of \(total)")
        }
    }
}
