import Foundation
import Lag

/// The table of `rushctl lag`.
struct LagTable {
    private static let header = ["GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "MESSAGES", "SECONDS", "IN/S", "OUT/S", "MEMBERS", "STATUS"]
    /// Columns that are words; the others are figures, to the right.
    private static let words: Set<Int> = [0, 1, 10]

    private let rows: [[String]]

    /// - Parameter showsAll: every partition, not only those that are not well.
    init(_ groups: [GroupLag], showsAll: Bool) {
        rows = groups.flatMap { group in Self.rows(group, showsAll: showsAll) }
    }

    /// The lines, columns aligned.
    var text: String {
        let lines = [Self.header] + rows
        let widths = Self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = line.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return Self.words.contains(column) ? cell + space : space + cell
            }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    private static func rows(_ group: GroupLag, showsAll: Bool) -> [[String]] {
        var seen: Set<String> = []
        let topics = (group.partitions.map(\.topic) + group.missing).filter { seen.insert($0).inserted }
        return topics.flatMap { topic in
            let part = group.only(topics: [topic])
            let members = group.members.map(String.init) ?? "?"
            let all = [
                group.group, topic, part.partitions.isEmpty ? "?" : "all \(part.partitions.count)", "", "", number(part.messages),
                seconds(part.seconds), rate(part.rateIn), rate(part.rateOut), members, part.status.rawValue,
            ]
            let shown = part.partitions.filter { showsAll || $0.status != .ok }
            return [all]
                + shown.map { lag in
                    [
                        "", "", "\(lag.partition)", lag.committed.map(String.init) ?? (lag.messages == nil ? "?" : "none"), number(lag.end),
                        number(lag.messages), seconds(lag.seconds), rate(lag.rateIn), rate(lag.rateOut), "", lag.status.rawValue,
                    ]
                }
        }
    }

    private static func number(_ value: Int64?) -> String { value.map(String.init) ?? "?" }
    private static func seconds(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "?" }
    private static func rate(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "?" }
}
