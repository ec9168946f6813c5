import Domain

/// JSON merge patches (RFC 7396). What a patch does not name keeps its bytes.
enum MergePatch {
    private enum Node {
        case object([(key: String, value: Node)])
        /// Anything else, as it is written.
        case other([UInt8])

        var isNull: Bool { if case .other(let bytes) = self { bytes == Array("null".utf8) } else { false } }
    }

    /// - Throws: ``JSONError`` when either is no JSON.
    static func apply(_ patch: [UInt8], to target: [UInt8]) throws(JSONError) -> [UInt8] {
        let change: Node
        do { change = try document(patch) } catch { throw error.inside("patch") }
        var bytes: [UInt8] = []
        write(merge(change, into: try document(target)), &bytes)
        return bytes
    }

    private static func merge(_ patch: Node, into target: Node?) -> Node {
        guard case .object(let changes) = patch else { return patch }
        var members: [(key: String, value: Node)] = []
        if case .object(let present)? = target { members = present }
        for (key, change) in changes {
            let index = members.firstIndex { $0.key == key }
            if change.isNull {
                members.removeAll { $0.key == key }
            } else if let index {
                members[index].value = merge(change, into: members[index].value)
            } else {
                members.append((key, merge(change, into: nil)))
            }
        }
        return .object(members)
    }

    private static func document(_ bytes: [UInt8]) throws(JSONError) -> Node {
        var reader = JSONReader(bytes)
        let value = try reader.value()
        try reader.end()
        return try node(value)
    }

    private static func node(_ bytes: [UInt8]) throws(JSONError) -> Node {
        guard bytes.first == UInt8(ascii: "{") else { return .other(bytes) }
        var reader = JSONReader(bytes)
        var members: [(key: String, value: Node)] = []
        try reader.object { (key, value) throws(JSONError) in
            let member = try node(try value.value())
            // Of a name that comes twice the last word counts, as with most readers.
            members.removeAll { $0.key == key }
            members.append((key, member))
        }
        return .object(members)
    }

    private static func write(_ node: Node, _ bytes: inout [UInt8]) {
        switch node {
        case .other(let raw): bytes += raw
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                var name = JSONWriter(reserving: member.key.utf8.count + 2)
                name.string(member.key)
                bytes += name.bytes
                bytes.append(UInt8(ascii: ":"))
                write(member.value, &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}
