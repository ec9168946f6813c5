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
    /// The client's `X-Request-ID`, or a new one.
    var requestID = ""
    /// The span of this request.
    var trace = TraceContext(isSampled: false)

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}
