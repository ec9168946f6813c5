import Foundation

/// The guided tour as `ops/RUNBOOK.md` has it: each heading of the second level that has shell blocks under it is a step.
struct Runbook: Sendable {
    struct Step: Sendable {
        let title: String
        /// The blocks' lines, in order.
        var commands: String
    }

    /// What cannot be taken for a tour.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The language of the blocks that the tour types; others are only to be read.
    private static let language = "```sh"

    let steps: [Step]

    init(path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw Failure(description: "\(path) cannot be read") }
        try self.init(text)
        if steps.isEmpty { throw Failure(description: "\(path) has no steps: no heading with a block of \(Self.language)") }
    }

    init(_ markdown: String) throws {
        var steps: [Step] = []
        var title: String?
        var isInBlock = false
        for line in markdown.split(separator: "\n", omittingEmptySubsequences: false) {
            if isInBlock {
                isInBlock = !line.hasPrefix("```")
                if isInBlock { steps[steps.count - 1].commands += line + "\n" }
            } else if line.hasPrefix("## ") {
                title = String(line.dropFirst(3))
            } else if line == Self.language {
                guard let title else { throw Failure(description: "a block of \(Self.language) stands before the first heading") }
                if steps.last?.title != title { steps.append(Step(title: title, commands: "")) }
                isInBlock = true
            }
        }
        if isInBlock { throw Failure(description: "the last block has no end") }
        self.steps = steps
    }

    /// All steps as one script for bash, which ends at the first command that fails.
    ///
    /// One shell, since a reader of the book types into one: what a step sets is there in the next. Before each step its number is written to `TOUR_STEPS`.
    var script: String {
        steps.enumerated().reduce("set -euo pipefail\n") { script, step in
            script + "echo \(step.offset) >> \"$TOUR_STEPS\"\n\(step.element.commands)"
        }
    }
}
