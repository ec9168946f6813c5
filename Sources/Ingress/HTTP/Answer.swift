import Domain
import HTTPTypes
import Hummingbird

/// Builds the answers of the API: `{"success":true,"data":…,"meta":…}`.
enum Answer {
    /// A success whose data `write` writes as one value.
    static func success(_ status: HTTPResponse.Status = .ok, headers: HTTPFields = HTTPFields(), data write: (inout JSONWriter) -> Void) -> Response {
        response(status, headers: headers, body: body(data: write))
    }

    /// An operation that was accepted: 202, which names it and what it acts upon.
    /// - Parameters:
    ///   - resource: the path of what it acts upon.
    ///   - write: adds members.
    static func accepted(
        _ operation: OperationID, resource: String, isReplay: Bool, headers: HTTPFields, also write: (inout JSONWriter) -> Void = { _ in }
    ) -> Response {
        var headers = headers
        headers[.location] = "/api/v1/operations/\(operation)"
        headers[.retryAfter] = "1"
        if isReplay { headers[.idempotencyReplayed] = "true" }
        return success(.accepted, headers: headers) {
            $0.object {
                $0.member("operation_id", operation)
                $0.member("resource", resource)
                write(&$0)
            }
        }
    }

    /// One page of a list.
    static func page(_ page: Page, total: Int64, headers: HTTPFields = HTTPFields(), elements write: (inout JSONWriter) -> Void) -> Response {
        let body = body(data: { $0.array(write) }) {
            $0.member("page", page.number)
            $0.member("per_page", page.size)
            $0.member("total", total)
        }
        return response(.ok, headers: headers, body: body)
    }

    /// The envelope alone.
    static func body(data write: (inout JSONWriter) -> Void, meta: ((inout JSONWriter) -> Void)? = nil) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("success", true)
            $0.key("data")
            write(&$0)
            if let meta {
                $0.key("meta")
                $0.object(meta)
            }
        }
        return writer.bytes
    }

    private static func response(_ status: HTTPResponse.Status, headers: HTTPFields, body: [UInt8]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(PlainResponse(status: status, headers: headers, body: body))
    }
}

/// Which part of a list is asked for.
struct Page: Equatable {
    static let largest = 100

    let number: Int
    let size: Int

    var offset: Int { (number - 1) * size }

    /// Reads `page` and `per_page` of the query.
    init(_ request: Request) throws {
        number = try Self.parameter("page", in: request, 1...1_000_000) ?? 1
        size = try Self.parameter("per_page", in: request, 1...Self.largest) ?? 20
    }

    private static func parameter(_ name: Substring, in request: Request, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = request.uri.queryParameters[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw APIError(
                .validation, "The request is not valid.", field: String(name), reason: "must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
