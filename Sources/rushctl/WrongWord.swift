import ArgumentParser

/// A word on the command line where a command is to be named, and none of that name is.
struct WrongWord: CustomStringConvertible {
    /// Letters that may be wrong in a word whose meaning is still guessed.
    private static let mostWrong = 2

    /// The commands before it.
    let path: String
    let word: String
    /// What may have been meant.
    let guess: String?

    /// Finds it; nil where the words lead to a command.
    init?(in words: [String], of root: any ParsableCommand.Type) {
        var (command, path) = (root, root._commandName)
        for word in words {
            let known = command.configuration.subcommands
            // `help` is everywhere the parser's own.
            if known.isEmpty || word.hasPrefix("-") || word == "help" { return nil }
            guard let next = known.first(where: { $0._commandName == word }) else {
                self.path = path
                self.word = word
                guess = Self.nearest(to: word, among: known.map { $0._commandName })
                return
            }
            (command, path) = (next, "\(path) \(word)")
        }
        return nil
    }

    var description: String {
        "Error: \(path) has no command '\(word)'.\(guess.map { " Did you mean '\($0)'?" } ?? "")\n  See '\(path) --help' for those it has."
    }

    /// What may have been meant by a word; nil where nothing is near.
    static func nearest(to word: String, among known: [String]) -> String? {
        let near = known.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
        return near.flatMap { $0.1 <= mostWrong ? $0.0 : nil }
    }

    /// Letters to insert, remove or change (Levenshtein).
    private static func distance(_ one: String, _ other: String) -> Int {
        let other = Array(other)
        var row = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            var corner = row[0]
            row[0] = index + 1
            for place in other.indices {
                let changed = corner + (letter == other[place] ? 0 : 1)
                corner = row[place + 1]
                row[place + 1] = min(changed, row[place] + 1, corner + 1)
            }
        }
        return row[other.count]
    }
}
