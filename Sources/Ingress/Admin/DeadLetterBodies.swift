import Domain

/// The body of `POST /admin/dlq/redrive`, `/discard` and `/export`.
struct DeadLetterWish: Sendable {
    /// How often a message may be redriven where the body says nothing.
    static let defaultMaxRedrives = 3

    let filter: AdminFilter
    let isDryRun: Bool
    let maxRedrives: Int
    /// Messages a second; `nil` is as fast as they are taken.
    let rate: Int?
    let reason: String?

    /// What the body may have beside `filter`, `all` and `dry_run`.
    enum Kind {
        case redrive, discard, export
    }

    /// Reads and checks the JSON.
    /// - Throws: every fault that was found, each with its field.
    init(_ kind: Kind, json: [UInt8]) throws(ValidationFailure) {
        var filter: AdminFilter?
        var isEverything = false
        var isDryRun = false
        var numbers: [String: Int64] = [:]
        var reason: String?
        do {
            var reader = JSONReader(json)
            try reader.object { (key, value) throws(JSONError) in
                switch (key, kind) {
                case ("filter", _): filter = try AdminFilter(&value)
                case ("all", _): isEverything = try value.bool()
                case ("dry_run", .redrive), ("dry_run", .discard): isDryRun = try value.bool()
                case ("max_redrives", .redrive), ("rate", .redrive): numbers[key] = try value.int()
                case ("reason", .discard): reason = try value.string()
                default: throw JSONError(path: [], reason: "is not a known field")
                }
            }
            try reader.end()
        } catch {
            throw ValidationFailure(error)
        }
        var faults: [ValidationFailure.Fault] = []
        let isEmpty = filter?.isEmpty ?? true
        if isEmpty, !isEverything { faults.append(.init(field: "filter", reason: "must name what is meant, or \"all\" must be true")) }
        if !isEmpty, isEverything { faults.append(.init(field: "all", reason: "must be absent where a filter is given")) }
        for (name, range) in [("max_redrives", Int64(1)...100), ("rate", 1...100_000)] {
            if let number = numbers[name], !range.contains(number) {
                faults.append(.init(field: name, reason: "must be from \(range.lowerBound) to \(range.upperBound)"))
            }
        }
        if kind == .discard {
            if reason.map({ $0.isEmpty || $0.utf8.count > 500 || $0.utf8.contains(0) }) ?? true {
                faults.append(.init(field: "reason", reason: reason == nil ? "is required" : "must be 1 to 500 bytes without NUL"))
            }
        }
        guard faults.isEmpty else { throw ValidationFailure(faults: faults) }
        self.filter = filter ?? AdminFilter()
        self.isDryRun = isDryRun
        maxRedrives = numbers["max_redrives"].map { Int($0) } ?? Self.defaultMaxRedrives
        rate = numbers["rate"].map { Int($0) }
        self.reason = reason
    }
}
