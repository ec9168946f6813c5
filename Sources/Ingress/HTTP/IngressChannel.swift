import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypesHTTP1

/// Hummingbird's HTTP/1 connection with the guard and the lane for reserves before its own handlers.
///
/// A `ChannelShouldQuiesceEvent` passes through the lane, which holds it while a reserve is in hand: its answer is written before the connection closes.
struct IngressChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let http: HTTP1Channel
    let makeLane: @Sendable (ConnectionGuard) -> ReserveLane

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let operations = channel.pipeline.syncOperations
            let codec = try operations.handler(type: HTTP1ToHTTPServerCodec.self)
            let connection = ConnectionGuard()
            try operations.addHandlers([connection, makeLane(connection)], position: .before(codec))
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}
