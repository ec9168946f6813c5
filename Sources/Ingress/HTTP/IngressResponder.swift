import Domain
import Hummingbird
import Logging
import Telemetry

/// Stands around the router: request id, trace, errors to answers, headers of every answer, metrics.
struct IngressResponder<Router: HTTPResponder>: HTTPResponder where Router.Context == IngressContext {
    let router: Router
    let metrics: RequestMetrics
    /// Share of new traces that are sampled, 0 to 1.
    let traceSampling: Double
    let logger: Logger
    /// Tells the audit of what was taken.
    var writes: AuditedWrites?

    func respond(to request: Request, context: IngressContext) async throws -> Response {
        let exchange = Exchange(
            requestID: request.headers[.xRequestID], traceparent: request.headers[.traceparent], traceSampling: traceSampling)
        var context = context
        context.trace = exchange.trace
        context.requestID = exchange.requestID
        var response: Response
        do {
            response = try await router.respond(to: request, context: context)
            // The router answers an unknown path itself, without a body; our own handlers never do.
            if response.status == .notFound && response.body.contentLength == 0 {
                throw APIError(.notFound, "There is nothing at this path.", field: "path", reason: "is unknown")
            }
            writes?.note(request, context, response)
        } catch {
            response = Response(exchange.answer(to: apiError(error, exchange), accept: request.headers[.accept]))
        }
        exchange.complete(&response.headers)
        metrics.record(
            method: request.method, route: context.endpointPath, status: response.status.code, duration: ContinuousClock.now - exchange.start,
            waited: response.headers[.preferenceApplied] != nil || response.headers[.contentType] == "text/event-stream")
        return response
    }

    /// What nobody foresaw is a 500 that tells nothing of it.
    private func apiError(_ error: any Error, _ exchange: Exchange) -> APIError {
        switch error {
        case let error as APIError: return error
        case let failure as ValidationFailure: return APIError(failure)
        default:
            logger.error(
                "a request failed in a way nobody foresaw",
                metadata: ["error": "\(error)", "request_id": "\(exchange.requestID)", "trace_id": "\(exchange.trace.traceID)"])
            return APIError(.internalError, "Something went wrong on our side.")
        }
    }
}
