import Domain

/// Offsets of booking.events up to which a Redis knows everything, as `mark:{t}` keeps them.
struct Mark: Sendable {
    let offsets: [Int32: Int64]

    init(_ offsets: [Int32: Int64]) {
        self.offsets = offsets
    }

    /// Reads `{"0":17,"1":4}`.
    init?(_ text: String) {
        var reader = JSONReader(Array(text.utf8))
        var offsets: [Int32: Int64] = [:]
        do {
            try reader.object { (key, value) throws(JSONError) in
                guard let partition = Int32(key) else { throw JSONError(path: [key], reason: "is no partition") }
                offsets[partition] = try value.int()
            }
        } catch {
            return nil
        }
        self.offsets = offsets
    }

    var text: String { "{" + offsets.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}" }

    /// Per partition the lowest of all; a partition that one does not name is read from its beginning.
    static func lowest(_ marks: [Mark]) -> [Int32: Int64] {
        guard var lowest = marks.first?.offsets else { return [:] }
        for mark in marks.dropFirst() {
            for partition in lowest.keys {
                if let offset = mark.offsets[partition] {
                    lowest[partition] = min(lowest[partition] ?? offset, offset)
                } else {
                    lowest[partition] = nil
                }
            }
        }
        return lowest
    }
}
