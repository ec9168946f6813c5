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

    /// Reads the value of `operation.finished.v1`.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public static func read(eventJSON json: [UInt8]) throws(JSONError) -> (operation: Operation, tenant: TenantID) {
        let members = try Members(json)
        guard let status = Status(rawValue: try members.text("status")), status != .pending else {
            throw JSONError(path: ["status"], reason: "is not an operation's end")
        }
        let operation = Operation(
            id: try members.sharded("operation_id"), user: try members.id("user_id"), type: try members.text("type"),
            resource: try members.text("resource"), status: status, version: try members.number("version"),
            errorCode: members.optionalText("error_code").flatMap(ErrorCode.init(rawValue:)), errorMessage: members.optionalText("error_message"))
        return (operation, try members.id("tenant_id"))
    }
}
