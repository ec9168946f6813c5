/// The value of `queue.set_mode.v1` on `queue.commands`.
public struct QueueModeCommand: Equatable, Sendable {
    public let operation: OperationID
    public let event: EventID
    public let mode: QueueMode
    /// Who wants it.
    public let user: UserID
    public let tenant: TenantID

    public init(operation: OperationID, event: EventID, mode: QueueMode, user: UserID, tenant: TenantID) {
        self.operation = operation
        self.event = event
        self.mode = mode
        self.user = user
        self.tenant = tenant
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        guard let mode = QueueMode(rawValue: try members.text("mode")) else { throw JSONError(path: ["mode"], reason: "is unknown") }
        self.init(
            operation: try members.sharded("operation_id"), event: try members.id("event_id"), mode: mode, user: try members.id("user_id"),
            tenant: try members.id("tenant_id"))
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", operation)
            $0.member("event_id", event)
            $0.member("mode", mode.rawValue)
            $0.member("user_id", user)
            $0.member("tenant_id", tenant)
        }
        return writer.bytes
    }
}
