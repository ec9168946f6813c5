import Domain
import Hummingbird
import Logging
import NIOCore
import Telemetry

/// What a request carries through its handler.
struct IngressContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection's other end, `nil` for a test without a socket.
    let remoteAddress: SocketAddress?
    /// The span of this request.
    var trace = TraceContext(isSampled: false)
    /// The `X-Request-ID` of this request.
    var requestID = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}

extension IngressContext {
    /// The id in the path.
    /// - Throws: 400 for what is no UUID.
    func id<Kind>() throws(APIError) -> Identifier<Kind> {
        guard let id = parameters.get("id").flatMap({ Identifier<Kind>($0) }) else {
            throw APIError(.validation, "The request is not valid.", field: "id", reason: "must be a UUID")
        }
        return id
    }
}
