import CurlClient
import Domain

/// The gateway's error object: `{"error": {"type", "code", "message", "payment_intent"}}`.
struct ErrorReply {
    var type: String?
    var code: String?
    var declineCode: String?
    var message: String?
    /// The intent as it is, where the error is about one.
    var intent: Intent?

    /// Longest text that is taken over from the gateway, in characters.
    static let maxTextLength = 200

    /// Nil when the body is not such an object: then something else than the gateway answered.
    init?(_ body: [UInt8]) {
        var reader = JSONReader(body)
        var reply: ErrorReply?
        do throws(JSONError) {
            try reader.object { (key, value) throws(JSONError) in
                if key == "error" { reply = try ErrorReply(&value) } else { try value.skip() }
            }
            try reader.end()
        } catch {
            return nil
        }
        guard let reply else { return nil }
        self = reply
    }

    private init(_ reader: inout JSONReader) throws(JSONError) {
        var type: String?
        var code: String?
        var declineCode: String?
        var message: String?
        var intent: Intent?
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "type": type = value.null() ? nil : try value.string()
            case "code": code = value.null() ? nil : try value.string()
            case "decline_code": declineCode = value.null() ? nil : try value.string()
            case "message": message = value.null() ? nil : try value.string()
            case "payment_intent": intent = value.null() ? nil : try GatewayJSON.intent(&value)
            default: try value.skip()
            }
        }
        self.type = type.map { String($0.prefix(Self.maxTextLength)) }
        self.code = code.map { String($0.prefix(Self.maxTextLength)) }
        self.declineCode = declineCode.map { String($0.prefix(Self.maxTextLength)) }
        self.message = message.map { String($0.prefix(Self.maxTextLength)) }
        self.intent = intent
    }

    /// The error for an answer that is not 2xx.
    static func error(_ response: HTTPResponse, _ reply: ErrorReply?, operation: String, isWrite: Bool) -> GatewayError {
        let (code, isUnknown): (GatewayError.Code, Bool) =
            switch response.status {
            case 401, 403: (.authentication, false)
            // Not overrun: another call works on the same object.
            case 429 where reply?.code == "lock_timeout": (.inProgress, false)
            case 429: (.unavailable, false)
            case 500...: (.unavailable, true)
            // Only the gateway can give these verdicts; another's answer says nothing about the payment.
            case _ where reply == nil: (.unexpectedReply, true)
            case 402: (.declined, false)
            case 404: (.notFound, false)
            case 409: (.inProgress, true)
            case 400..<500: (reply?.type == "idempotency_error" ? .keyReused : .invalidRequest, false)
            default: (.unexpectedReply, true)
            }
        return GatewayError(
            code: code, operation: operation, message: reply?.message ?? "answered \(response.status)", status: response.status,
            gatewayCode: reply?.code ?? reply?.type, requestID: response.header("request-id"), isFateUnknown: isWrite && isUnknown,
            retryAfter: response.header("retry-after").flatMap { Int64($0) }.flatMap { (0...86_400).contains($0) ? .seconds($0) : nil })
    }
}
