import Domain
import HTTPTypes

/// An answer that is not a success: the code, words for people and, where input is at fault, its fields.
struct APIError: Error {
    let code: ErrorCode
    let message: String
    var details: [ValidationFailure.Fault] = []
    /// More headers, such as `Retry-After` or `Allow`.
    var headers = HTTPFields()

    init(_ code: ErrorCode, _ message: String, field: String? = nil, reason: String? = nil) {
        self.code = code
        self.message = message
        if let field { details = [.init(field: field, reason: reason ?? message)] }
    }

    init(_ failure: ValidationFailure) {
        code = .validation
        message = "The request is not valid."
        details = failure.faults
    }

    /// A store or Kafka cannot be reached; nothing was done, or the same key finds what was done.
    static func unavailable(_ message: String = "The service cannot answer just now.") -> APIError {
        APIError(.serviceUnavailable, message).retry(afterSeconds: Int.random(in: 1...3))
    }

    /// The same with `Retry-After`.
    func retry(afterSeconds seconds: Int) -> APIError {
        var copy = self
        copy.headers[.retryAfter] = String(seconds)
        return copy
    }

    /// The body: the product's envelope, or a problem document (RFC 9457) with the same code.
    func body(requestID: String, asProblem: Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            if asProblem {
                $0.member("type", "about:blank")
                $0.member("title", message)
                $0.member("status", code.status)
                $0.member("code", code.rawValue)
                writeDetails(&$0)
                $0.member("request_id", requestID)
            } else {
                $0.member("success", false)
                $0.key("error")
                $0.object {
                    $0.member("code", code.rawValue)
                    $0.member("message", message)
                    writeDetails(&$0)
                    $0.member("request_id", requestID)
                }
            }
        }
        return writer.bytes
    }

    private func writeDetails(_ writer: inout JSONWriter) {
        writer.key("details")
        writer.array {
            for fault in details {
                $0.object {
                    $0.member("field", fault.field)
                    $0.member("message", fault.reason)
                }
            }
        }
    }
}
