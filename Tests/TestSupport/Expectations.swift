public import LocalStack
public import Testing

/// Headers that stand on every answer (SPEC.md, F17).
public let securityHeaders = ["Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy"]

/// Expects what every answer has: the security headers and a request id.
public func expectHeadersOfEveryAnswer(_ answer: HTTPAnswer, sourceLocation: SourceLocation = #_sourceLocation) {
    for name in securityHeaders {
        #expect(answer.header(name) != nil, "\(answer.status) without \(name)", sourceLocation: sourceLocation)
    }
    #expect(answer.header("X-Request-ID")?.isEmpty == false, "\(answer.status) without X-Request-ID", sourceLocation: sourceLocation)
}

/// Expects a refusal in the product's envelope: status, code, a message, the request id of the header and, where input is at fault,
/// the field in `details`.
public func expectRefusal(
    _ answer: HTTPAnswer, _ status: Int, _ code: String, field: String? = nil, _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    let error = answer.json["error"]
    let shown: Comment = "\(what): \(answer.status) \(answer.text.prefix(400))"
    #expect(answer.status == status, shown, sourceLocation: sourceLocation)
    #expect(answer.json["success"].bool == false, shown, sourceLocation: sourceLocation)
    #expect(error["code"].string == code, shown, sourceLocation: sourceLocation)
    #expect(error["message"].string?.isEmpty == false, shown, sourceLocation: sourceLocation)
    #expect(error["request_id"].string == answer.header("X-Request-ID"), shown, sourceLocation: sourceLocation)
    if let field {
        let fields = (error["details"].array ?? []).compactMap { $0["field"].string }
        #expect(fields.contains(field), shown, sourceLocation: sourceLocation)
    }
    if [429, 503].contains(status) {
        let pause = answer.header("Retry-After").flatMap { Int($0) } ?? 0
        #expect(pause >= 1, "\(what): no Retry-After", sourceLocation: sourceLocation)
    }
    expectHeadersOfEveryAnswer(answer, sourceLocation: sourceLocation)
}
