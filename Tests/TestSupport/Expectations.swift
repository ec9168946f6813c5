public import LocalStack
public import Testing

/// Headers that stand on every answer (SPEC.md, F17).
public let securityHeaders = ["Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy"]

/// Expects what every answer has: the security headers and a request id.
public func expectHeadersOfEveryAnswer(_ answer: HTTPAnswer, _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
    let missing = (securityHeaders + ["X-Request-ID"]).filter { answer.header($0)?.isEmpty != false }
    #expect(missing.isEmpty, "\(what): \(answer.status) without \(missing.joined(separator: ", "))", sourceLocation: sourceLocation)
}

/// Expects a refusal in the product's envelope: status, code, a message, the request id of the header and, where input is at fault,
/// the field in `details`.
public func expectRefusal(
    _ answer: HTTPAnswer, _ status: Int, _ code: String, field: String? = nil, _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    let error = answer.json["error"]
    var wrong: [String] = []
    if answer.status != status { wrong.append("status \(answer.status), not \(status)") }
    if answer.json["success"].bool != false { wrong.append("no envelope") }
    if error["code"].string != code { wrong.append("code \(error["code"].string ?? "none"), not \(code)") }
    if error["message"].string?.isEmpty != false { wrong.append("no message") }
    if error["request_id"].string != answer.header("X-Request-ID") { wrong.append("a request_id that is not the header's") }
    let fields = (error["details"].array ?? []).compactMap { $0["field"].string }
    if let field, !fields.contains(field) { wrong.append("details that name \(fields), not \(field)") }
    if [429, 503].contains(status) {
        let pause = answer.header("Retry-After").flatMap { Int($0) } ?? 0
        if pause < 1 { wrong.append("no Retry-After") }
    }
    #expect(wrong.isEmpty, "\(what): \(answer.text.prefix(400))", sourceLocation: sourceLocation)
    expectHeadersOfEveryAnswer(answer, what, sourceLocation: sourceLocation)
}
