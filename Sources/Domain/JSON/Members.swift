/// A flat JSON object's texts and numbers, for commands, which are small and not on the hot path.
struct Members {
    private var texts: [String: String] = [:]
    private var numbers: [String: Int64] = [:]

    /// Counts and shares, which have no unit in their names.
    private static let counts: Set<String> = ["version", "percent", "released", "refunds", "number", "place", "drawn_to"]

    /// Reads an object; counts and what ends in `_ms` or `_minor` are numbers, all others texts.
    init(_ json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        try reader.object { (key, value) throws(JSONError) in
            if Self.counts.contains(key) || key.hasSuffix("_ms") || key.hasSuffix("_minor") {
                numbers[key] = try value.int()
            } else {
                texts[key] = try value.string()
            }
        }
        try reader.end()
        self.texts = texts
        self.numbers = numbers
    }

    func text(_ key: String) throws(JSONError) -> String {
        guard let text = texts[key] else { throw JSONError(path: [key], reason: "is missing") }
        return text
    }

    func optionalText(_ key: String) -> String? { texts[key] }

    func number(_ key: String) throws(JSONError) -> Int64 {
        guard let number = numbers[key] else { throw JSONError(path: [key], reason: "is missing") }
        return number
    }

    func optionalNumber(_ key: String) -> Int64? { numbers[key] }

    func id<Kind>(_ key: String) throws(JSONError) -> Identifier<Kind> {
        guard let id = Identifier<Kind>(try text(key)) else { throw JSONError(path: [key], reason: "must be a UUID") }
        return id
    }

    /// An id that this system gave out.
    func sharded<Kind: ShardedKind>(_ key: String) throws(JSONError) -> Identifier<Kind> {
        let id: Identifier<Kind> = try id(key)
        guard id.shard != nil else { throw JSONError(path: [key], reason: "is not an id of this system") }
        return id
    }

    /// The operation that waits, where there is one.
    func operation() throws(JSONError) -> OperationID? { texts["operation_id"] == nil ? nil : try sharded("operation_id") }
}
