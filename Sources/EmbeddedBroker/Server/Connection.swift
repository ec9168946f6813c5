import NIOCore

/// One client: cuts its bytes into requests, hands them to the broker, and sends the answers in the order of the requests.
///
/// Confined to its event loop. Reading stops while too much is unanswered or unwritten, so that no client can make the broker hold more than its share.
final class Connection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let broker: Broker
    private var context: ChannelHandlerContext?
    private var splitter = FrameSplitter()
    private var exchanges = CircularBuffer<Exchange>()
    private var flushIsScheduled = false
    private var readIsHeld = false
    private var isResuming = false
    /// The client's address.
    private(set) var remoteHost = ""

    init(broker: Broker) {
        self.broker = broker
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelActive(context: ChannelHandlerContext) {
        remoteHost = context.remoteAddress?.ipAddress ?? ""
        guard broker.opened(self) else { return context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        broker.closed(self)
        self.context = nil
        let open = exchanges
        exchanges.removeAll()
        for exchange in open { exchange.abandon() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        splitter.feed(unwrapInboundIn(data))
        receive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func read(context: ChannelHandlerContext) {
        if mustPause { readIsHeld = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { resume() }
    }

    // MARK: Requests

    private var mustPause: Bool {
        exchanges.count >= BrokerLimits.maxPipelinedRequests || broker.isOverloaded || !(context?.channel.isWritable ?? false)
    }

    private func receive() {
        do throws(BrokerError) {
            while !mustPause, let frame = try splitter.next() {
                var reader = WireReader(frame)
                let exchange = Exchange(header: try RequestHeader(from: &reader), connection: self)
                if exchange.header.api != .fetch { exchanges.last?.hurry?() }
                exchanges.append(exchange)
                try broker.handle(exchange, &reader)
            }
        } catch {
            broker.refused(self, error)
            close()
        }
    }

    /// Goes on reading after a pause.
    func resume() {
        guard !mustPause, !isResuming else { return }
        isResuming = true
        receive()
        isResuming = false
        if readIsHeld, !mustPause {
            readIsHeld = false
            context?.read()
        }
    }

    // MARK: Answers

    /// Sends what is ready at the front of the row.
    func answersReady() {
        guard let context else { return }
        var sent = false
        while let answer = exchanges.first?.answer {
            exchanges.removeFirst()
            sent = true
            if answer.readableBytes > 0 { context.write(wrapOutboundOut(answer), promise: nil) }
        }
        guard sent else { return }
        scheduleFlush()
    }

    /// One flush for all answers of this turn of the event loop.
    private func scheduleFlush() {
        guard !flushIsScheduled, let context else { return }
        flushIsScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.flushIsScheduled = false
            self.context?.flush()
            self.resume()
        }
    }

    /// Closes the connection.
    func close() {
        context?.close(promise: nil)
    }
}
