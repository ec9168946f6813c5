/// What an inventory check found.
struct InventoryReport: Codable, Sendable {
    /// Offending rows that are listed for each invariant; their number is always whole.
    static let listed = 50

    struct Invariant: Codable, Sendable {
        var number: Int
        var name: String
        var ok: Bool
        /// How many rows were looked at.
        var checked: Int
        var violations: Int
        var rows: [String]
        /// Why it was not checked.
        var skipped: String?

        init(_ number: Int, _ name: String) {
            self.number = number
            self.name = name
            ok = true
            checked = 0
            violations = 0
            rows = []
        }

        mutating func violated(_ row: @autoclosure () -> String) {
            ok = false
            violations += 1
            if rows.count < InventoryReport.listed { rows.append(row()) }
        }
    }

    var ok: Bool
    var atRest: Bool
    var invariants: [Invariant]

    func print() {
        for invariant in invariants {
            let verdict = invariant.skipped.map { "skipped: \($0)" } ?? (invariant.ok ? "holds" : "BROKEN, \(invariant.violations) rows")
            Swift.print("\(invariant.number) \(invariant.name): \(verdict) (\(invariant.checked) checked)")
            for row in invariant.rows { Swift.print("    \(row)") }
            if invariant.violations > invariant.rows.count { Swift.print("    … and \(invariant.violations - invariant.rows.count) more") }
        }
        Swift.print(ok ? "all that was checked holds" : "an invariant is broken")
    }
}
