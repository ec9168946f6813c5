import Domain
import HTTPTypes
import Hummingbird

/// Collects routes, and answers 405 with `Allow` where a path is known and the method is not.
struct RouteTable {
    typealias Handler = @Sendable (Request, IngressContext) async throws -> Response

    private let router = Router(context: IngressContext.self)
    private var methods: [String: [HTTPRequest.Method]] = [:]

    mutating func on(_ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler) {
        methods[path, default: []].append(method)
        router.on(RouterPath(path), method: method, use: handler)
    }

    /// A route that is answered before the router; here it has only its 405s.
    mutating func elsewhere(_ method: HTTPRequest.Method, _ path: String) {
        methods[path, default: []].append(method)
    }

    /// The finished router.
    func build() -> some HTTPResponder<IngressContext> {
        for (path, allowed) in methods {
            let names = allowed.map(\.rawValue).joined(separator: ", ")
            for method in Self.all where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    var error = APIError(
                        .methodNotAllowed, "This path does not know \(method.rawValue).", field: "method", reason: "must be one of \(names)")
                    error.headers[.allow] = names
                    throw error
                }
            }
        }
        return router.buildResponder()
    }

    private static let all: [HTTPRequest.Method] = [.get, .post, .put, .delete, .patch, .head, .options, .trace, .connect]
}
