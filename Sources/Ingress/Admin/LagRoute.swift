import Domain
import Hummingbird
import Lag

/// `GET /admin/lag`: how far each consumer group is behind. What is not known is null, never 0.
struct LagRoute: Sendable {
    let gate: AdminGate
    let board: LagBoard

    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("lag", request, context)
        let groups: [GroupLag]
        do {
            groups = try await board.read()
        } catch {
            throw APIError.unavailable()
        }
        return Answer.success(headers: pass.headers) { $0.array { for group in groups { Self.write(&$0, group) } } }
    }

    private static func write(_ writer: inout JSONWriter, _ group: GroupLag) {
        writer.object {
            $0.member("group", group.group)
            $0.member("status", group.status.rawValue)
            $0.member("members", orNull: group.members.map { Int64($0) })
            $0.member("messages", orNull: group.messages)
            $0.member("seconds", orNull: group.seconds)
            $0.member("rate_in", orNull: group.rateIn)
            $0.member("rate_out", orNull: group.rateOut)
            $0.key("missing_topics")
            $0.array { for topic in group.missing { $0.string(topic) } }
            $0.key("partitions")
            $0.array { for partition in group.partitions { write(&$0, partition) } }
        }
    }

    private static func write(_ writer: inout JSONWriter, _ partition: PartitionLag) {
        writer.object {
            $0.member("topic", partition.topic)
            $0.member("partition", Int(partition.partition))
            $0.member("status", partition.status.rawValue)
            $0.member("committed", orNull: partition.committed)
            $0.member("end", orNull: partition.end)
            $0.member("messages", orNull: partition.messages)
            $0.member("seconds", orNull: partition.seconds)
            $0.member("rate_in", orNull: partition.rateIn)
            $0.member("rate_out", orNull: partition.rateOut)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: StaticString, orNull value: Int64?) {
        key(name)
        if let value { int(value) } else { null() }
    }

    fileprivate mutating func member(_ name: StaticString, orNull value: Double?) {
        key(name)
        // Three digits: times come in milliseconds.
        if let value, value.isFinite { raw("\((value * 1000).rounded() / 1000)") } else { null() }
    }
}
