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

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}
