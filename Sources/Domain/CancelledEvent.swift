/// An event that the organiser cancelled: how far its bookings are given back.
public struct CancelledEvent: Equatable, Sendable {
    /// What was asked for, and by whom.
    public let cancellation: EventCancellation
    /// Whether everything is given back, or all but what the gateway refused.
    public let isDone: Bool
    /// Holds that were ended.
    public let released: Int64
    /// Refunds that were asked for.
    public let refunds: Int64
    /// Of what happened to it the latest stands.
    public let updatedAt: Timestamp

    public init(cancellation: EventCancellation, isDone: Bool, released: Int64, refunds: Int64, updatedAt: Timestamp) {
        self.cancellation = cancellation
        self.isDone = isDone
        self.released = released
        self.refunds = refunds
        self.updatedAt = updatedAt
    }
}

extension CancelledEvent {
    /// The value of `event.cancelled.v1`.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", cancellation.operation)
            $0.member("event_id", cancellation.event)
            $0.member("user_id", cancellation.user)
            $0.member("tenant_id", cancellation.tenant)
            $0.member("status", isDone ? "done" : "running")
            $0.member("released", released)
            $0.member("refunds", refunds)
            $0.member("updated_at_ms", updatedAt.ms)
        }
        return writer.bytes
    }

    /// Reads the value of `event.cancelled.v1`.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        let status = try members.text("status")
        guard status == "done" || status == "running" else { throw JSONError(path: ["status"], reason: "must be running or done") }
        self.init(
            cancellation: try EventCancellation(json: json), isDone: status == "done", released: try members.number("released"),
            refunds: try members.number("refunds"), updatedAt: Timestamp(ms: try members.number("updated_at_ms")))
    }
}
