/// The value of `booking.cancel.v1` on `booking.commands`.
public struct CancelCommand: Equatable, Sendable {
    public let operation: OperationID
    public let booking: BookingID
    public let user: UserID
    public let tenant: TenantID

    public init(operation: OperationID, booking: BookingID, user: UserID, tenant: TenantID) {
        self.operation = operation
        self.booking = booking
        self.user = user
        self.tenant = tenant
    }

    /// Reads the JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        let members = try Members(json)
        self.init(
            operation: try members.sharded("operation_id"), booking: try members.sharded("booking_id"), user: try members.id("user_id"),
            tenant: try members.id("tenant_id"))
    }

    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", operation)
            $0.member("booking_id", booking)
            $0.member("user_id", user)
            $0.member("tenant_id", tenant)
        }
        return writer.bytes
    }
}
