/// The value of the commands on `ops.commands`: a job of an operator, and who asked for it. It only begins the job.
public struct OpsCommand: Equatable, Sendable {
    /// The operation that ends with the job; also the job's id and the record's key.
    public let operation: OperationID
    /// Whose operation it is.
    public let user: UserID
    public let request: OpsRequest
    /// Where it came from, for the audit.
    public let origin: RequestOrigin

    public init(operation: OperationID, user: UserID, request: OpsRequest, origin: RequestOrigin) {
        self.operation = operation
        self.user = user
        self.request = request
        self.origin = origin
    }

    /// Where its job is read.
    public var resource: String { "/api/v1/admin/jobs/\(operation)" }

    /// What is asked for, as JSON.
    public var requestJSON: [UInt8] {
        var writer = JSONWriter()
        request.write(&writer)
        return writer.bytes
    }

    /// The operation while it is pending.
    public var pending: Operation { Operation(id: operation, user: user, type: request.action, resource: resource) }
}

extension OpsCommand {
    /// The JSON value.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("operation_id", operation)
            $0.member("user_id", user)
            $0.key("request")
            request.write(&$0)
            origin.write(&$0)
        }
        return writer.bytes
    }

    /// Reads the JSON value.
    /// - Parameter type: the message's type, which says what the request is.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(_ type: MessageType, json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var texts: [String: String] = [:]
        var origin = RequestOrigin()
        var request: OpsRequest?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "request": request = try OpsRequest(type, &value)
            case "operation_id", "user_id": texts[key] = try value.string()
            default: if try !origin.take(key, from: &value) { try value.skip() }
            }
        }
        try reader.end()
        guard let operation = texts["operation_id"].flatMap({ OperationID($0) }), operation.shard != nil else {
            throw JSONError(path: ["operation_id"], reason: "is not an id of this system")
        }
        guard let user = texts["user_id"].flatMap({ UserID($0) }) else { throw JSONError(path: ["user_id"], reason: "must be a UUID") }
        guard let request else { throw JSONError(path: ["request"], reason: "is missing") }
        self.init(operation: operation, user: user, request: request, origin: origin)
    }
}
