/// A write that was accepted with 202 and is done by a worker (SPEC, section 2).
public struct Operation: Equatable, Sendable {
    /// How far it is.
    public enum Status: String, Sendable {
        case pending, succeeded, failed
    }

    public let id: OperationID
    public let user: UserID
    /// What it does, `booking.cancel`.
    public let type: String
    /// The path of what it acts upon.
    public let resource: String
    public var status: Status
    /// 1 while pending, 2 when it ended; the ETag.
    public var version: Int64
    /// Why it failed.
    public var errorCode: ErrorCode?
    public var errorMessage: String?

    public init(
        id: OperationID, user: UserID, type: String, resource: String, status: Status = .pending, version: Int64 = 1, errorCode: ErrorCode? = nil,
        errorMessage: String? = nil
    ) {
        self.id = id
        self.user = user
        self.type = type
        self.resource = resource
        self.status = status
        self.version = version
        self.errorCode = errorCode
        self.errorMessage = errorMessage
    }

    /// The operation as it ended; `error` says why it failed.
    public func finished(error: (code: ErrorCode, message: String)?) -> Operation {
        var result = self
        result.status = error == nil ? .succeeded : .failed
        result.version = 2
        result.errorCode = error?.code
        result.errorMessage = error?.message
        return result
    }
}

extension Operation {
    /// The value of `operation.finished.v1`.
    public func eventJSON(tenant: TenantID) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", id)
            $0.member("tenant_id", tenant)
            $0.member("user_id", user)
            $0.member("type", type)
            $0.member("resource", resource)
            $0.member("status", status.rawValue)
            $0.member("version", version)
            $0.member("error_code", ifPresent: errorCode?.rawValue)
            $0.member("error_message", ifPresent: errorMessage)
        }
        return writer.bytes
    }
}
