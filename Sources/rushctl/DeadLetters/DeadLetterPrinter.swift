import DeadLetters
import Foundation

/// Prints dead letters for people.
enum DeadLetterPrinter {
    static func show(_ groups: [DeadLetterGroup], on line: (String) -> Void = { print($0) }) {
        if groups.isEmpty { return line("no dead letters") }
        for group in groups {
            line("\(group.count)  \(group.group)  \(group.errorClass)  at \(group.site)")
            line("    first \(group.first)  last \(group.last)  example \(group.example)")
            line("    \(short(group.exampleError))")
        }
    }

    static func show(_ letters: [DeadLetter]) {
        for letter in letters {
            let redrives = letter.redrives > 0 ? ", redriven \(letter.redrives) times before" : ""
            print("\(letter.place)  \(letter.status.rawValue)  \(letter.lastFailedAt)  \(short(letter.type))  key \(short(letter.key))\(redrives)")
            print("    \(letter.errorClass): \(short(letter.error))")
        }
    }

    static func show(_ details: DeadLetterDetails) {
        let letter = details.letter
        print("\(letter.place), \(letter.status.rawValue)")
        print("  message    \(short(letter.messageID)) (\(short(letter.type)))")
        print("  came from  \(letter.source)")
        print("  failed     \(letter.attempts) attempts, \(letter.firstFailedAt) to \(letter.lastFailedAt)")
        print("  error      \(letter.errorClass) at \(letter.site)")
        print("             \(visible(letter.error))")
        if let trace = letter.traceID { print("  trace      \(visible(trace))") }
        if letter.redrives > 0 { print("  redriven   \(letter.redrives) times before, last as \(letter.redriveOf ?? "unknown")") }
        if let claim = letter.claim { print("  claimed    by the job \(claim)") }
        if let by = letter.decidedBy, let at = letter.decidedAt { print("  \(letter.status.rawValue)  by \(by) at \(at)") }
        if let reason = letter.reason { print("  reason     \(visible(reason))") }
        if let target = letter.redrivenTo { print("  sent to    \(target)") }
        if let id = letter.editedAs { print("  changed as \(id)") }
        print("headers")
        for header in details.headers { print("  \(visible(header.name)): \(text(header.value))") }
        print("key\n  \(details.key.map(text) ?? "null")")
        print("value\n\(details.value.map(pretty) ?? "  null")")
        print("failures")
        for past in details.history { print("  \(past.lastFailedAt)  \(past.place)  \(past.errorClass) at \(past.site), \(past.status.rawValue)") }
    }

    private static func text(_ bytes: DeadLetterDetails.Bytes) -> String { bytes.text.map(visible) ?? "base64 \(bytes.base64 ?? "")" }

    private static func pretty(_ bytes: DeadLetterDetails.Bytes) -> String {
        guard let text = bytes.text, let value = try? JSONSerialization.jsonObject(with: Data(text.utf8)),
            let json = try? JSONSerialization.data(withJSONObject: value, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        else { return "  " + Self.text(bytes) }
        return String(decoding: json, as: UTF8.self).split(separator: "\n").map { "  \(visible(String($0)))" }.joined(separator: "\n")
    }

    private static func short(_ text: String) -> String { visible(text.count > 120 ? text.prefix(119) + "…" : text) }

    /// What others wrote must not steer a terminal.
    private static func visible(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{fffd}" : $0 }))
    }
}
