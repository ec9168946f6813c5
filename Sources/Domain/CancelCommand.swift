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
        var reader = JSONReader(json)
        var texts: [String: String] = [:]
        try reader.object { (key, value) throws(JSONError) in texts[key] = try value.string() }
        try reader.end()
        func id<Kind>(_ key: String) throws(JSONError) -> Identifier<Kind> {
            guard let text = texts[key] else { throw JSONError(path: [key], reason: "is missing") }
            guard let id = Identifier<Kind>(text) else { throw JSONError(path: [key], reason: "must be a UUID") }
            return id
        }
        self.init(operation: try id("operation_id"), booking: try id("booking_id"), user: try id("user_id"), tenant: try id("tenant_id"))
        guard booking.shard != nil else { throw JSONError(path: ["booking_id"], reason: "is not a booking id") }
        guard operation.shard != nil else { throw JSONError(path: ["operation_id"], reason: "is not an operation id") }
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
