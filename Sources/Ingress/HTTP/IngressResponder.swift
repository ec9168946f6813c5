import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Telemetry

/// Stands around the router: request id, trace, errors to answers, headers of every answer, metrics.
struct IngressResponder<Router: HTTPResponder>: HTTPResponder where Router.Context == IngressContext {
    let router: Router
    let metrics: RequestMetrics
    /// Share of new traces that are sampled, 0 to 1.
    let traceSampling: Double
    let logger: Logger

    func respond(to request: Request, context: IngressContext) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        context.requestID = Self.requestID(request)
        context.trace = trace(request)
        var response: Response
        do {
            response = try await router.respond(to: request, context: context)
            // The router answers an unknown path itself, without a body; our own handlers never do.
            if response.status == .notFound && response.body.contentLength == 0 {
                throw APIError(.notFound, "There is nothing at this path.", field: "path", reason: "is unknown")
            }
        } catch {
            response = answer(to: error, request, context)
        }
        response.headers.append(contentsOf: securityHeaders)
        response.headers.append(HTTPField(name: .xRequestID, value: context.requestID))
        metrics.record(
            method: request.method, route: context.endpointPath, status: response.status.code, duration: ContinuousClock.now - start,
            waited: response.headers[.preferenceApplied] != nil || response.headers[.contentType] == "text/event-stream")
        return response
    }

    /// An error's answer; what nobody foresaw is a 500 that tells nothing of it.
    private func answer(to error: any Error, _ request: Request, _ context: IngressContext) -> Response {
        let apiError: APIError
        switch error {
        case let error as APIError: apiError = error
        case let failure as ValidationFailure: apiError = APIError(failure)
        default:
            logger.error(
                "a request failed in a way nobody foresaw",
                metadata: ["error": "\(error)", "request_id": "\(context.requestID)", "trace_id": "\(context.trace.traceID)"])
            apiError = APIError(.internalError, "Something went wrong on our side.")
        }
        return Self.response(apiError, requestID: context.requestID, accept: request.headers[.accept])
    }

    static func response(_ error: APIError, requestID: String, accept: String?) -> Response {
        let asProblem = accept?.contains("application/problem+json") ?? false
        var headers = error.headers
        headers[.contentType] = asProblem ? "application/problem+json" : "application/json"
        if error.code == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        let body = error.body(requestID: requestID, asProblem: asProblem)
        return Response(status: .init(code: error.code.status), headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    private static func requestID(_ request: Request) -> String {
        if let given = request.headers[.xRequestID], given.utf8.count <= 128, !given.isEmpty, given.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            return given
        }
        var generator = RandomBits()
        return UUIDBits(high: generator.next() & ~0xf000 | 0x4000, low: generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000).description
    }

    private func trace(_ request: Request) -> TraceContext {
        if let header = request.headers[.traceparent], let parent = TraceContext(header: header) { return parent.child() }
        return TraceContext(isSampled: traceSampling >= 1 || Double.random(in: 0..<1) < traceSampling)
    }
}

/// SPEC, F17: on every answer. No handler sets them, so they are appended without a look.
let securityHeaders: [HTTPField] = [
    HTTPField(name: .strictTransportSecurity, value: "max-age=31536000; includeSubDomains"),
    HTTPField(name: .xContentTypeOptions, value: "nosniff"),
    HTTPField(name: .xFrameOptions, value: "DENY"),
    HTTPField(name: .contentSecurityPolicy, value: "default-src 'none'; frame-ancestors 'none'"),
]
