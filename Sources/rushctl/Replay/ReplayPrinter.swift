import Replays

/// Replays for people.
enum ReplayPrinter {
    static func show(_ plan: ReplayPlan) {
        print("\(plan.request.topic) into \(plan.request.into.kind) \(plan.request.into.name)")
        print("  partition        from       until     records" + (plan.request.isFiltered ? "    matching" : ""))
        for partition in plan.partitions {
            var line = "  " + right("\(partition.partition)", 9) + right("\(partition.from)", 12) + right("\(partition.until)", 12)
            line += right("\(partition.records)", 12) + (partition.matching.map { right("\($0)", 12) } ?? "")
            if let committed = partition.committed { line += "  now at \(committed)" }
            print(line)
        }
        let time = plan.estimatedSeconds.map { "about \(duration($0))" } ?? "as long as its members take"
        print("  \(plan.selected) of \(plan.records) records, \(time)")
        for note in plan.notes { print("  \(note)") }
    }

    static func show(_ report: ReplayReport) {
        print("replay \(report.id): \(report.topic) into \(report.kind) \(report.target) done in \(duration(report.seconds))")
        if let offsets = report.offsets {
            for (partition, offset) in offsets.sorted(by: { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }) {
                print("  partition \(partition): set to \(offset)")
            }
        } else {
            print("  \(report.read) records read, \(report.taken) handed on\(report.leftOut > 0 ? ", \(report.leftOut) left out" : "")")
        }
        for table in report.tables ?? [] { show(table) { print($0) } }
    }

    static func show(_ table: TableComparison, on print: (String) -> Void) {
        print("  \(table.table) before: \(right("\(table.oldRows)", 10)) rows, hash \(table.oldHash)")
        print("  \(table.table) after:  \(right("\(table.newRows)", 10)) rows, hash \(table.newHash)")
        if table.isEqual {
            print("    equal, row by row" + (table.carried > 0 ? "; \(table.carried) taken over that no event tells of yet" : ""))
        } else {
            print(
                "    \(table.onlyNew) come, \(table.newer) in a newer version, \(table.onlyOld) vanish, \(table.different) change"
                    + (table.carried > 0 ? ", \(table.carried) taken over that no event tells of yet" : ""))
            if !table.samples.isEmpty { print("    such as \(table.samples.joined(separator: ", "))") }
        }
    }

    static func duration(_ seconds: Double) -> String {
        if seconds < 10 { return "\((seconds * 10).rounded() / 10) s" }
        let whole = Int(seconds.rounded())
        if whole < 120 { return "\(whole) s" }
        return whole < 7200 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    private static func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}
