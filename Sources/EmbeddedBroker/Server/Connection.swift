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
    /// Finished answers that wait for their turn.
    private var stuckBytes = 0
    /// Large answers given to the channel that the client has not taken yet.
    private var unsentBytes = 0
    private var notedBytes = 0
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
        self.context = nil
        broker.closed(self)
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
        exchanges.count >= BrokerLimits.maxPipelinedRequests || stuckBytes > BrokerLimits.maxStuckAnswerBytes || exchanges.last?.isBusy == true
            || broker.isOverloaded || !(context?.channel.isWritable ?? false)
    }

    private func receive() {
        var hasProgressed = false
        do throws(BrokerError) {
            while !mustPause, let frame = try splitter.next() {
                hasProgressed = true
                var reader = WireReader(frame)
                let exchange = Exchange(header: try RequestHeader(from: &reader), connection: self)
                // A fetch that waits would hold up whatever is behind it; this way there is also never more than one.
                exchanges.last?.hurry?()
                exchanges.append(exchange)
                try broker.handle(exchange, &reader)
            }
        } catch {
            broker.refused(self, error)
            close()
        }
        noteHeldBytes(hasProgressed: hasProgressed)
    }

    /// Goes on reading after a pause.
    func resume() {
        guard !mustPause, !isResuming else { return }
        isResuming = true
        if splitter.heldBytes > 0 { receive() }
        isResuming = false
        if readIsHeld, !mustPause {
            readIsHeld = false
            context?.read()
        }
    }

    // MARK: Answers

    /// The answer of one of the exchanges is ready: sends what is ready at the front of the row.
    func answerReady(bytes: Int) {
        guard let context else { return }
        stuckBytes += bytes
        var sent = false
        while let answer = exchanges.first?.answer {
            exchanges.removeFirst()
            stuckBytes -= answer.readableBytes
            sent = true
            if answer.readableBytes > 0 { write(answer, context) }
        }
        guard sent else { return }
        scheduleFlush()
    }

    private func write(_ answer: ByteBuffer, _ context: ChannelHandlerContext) {
        let bytes = answer.readableBytes
        guard bytes > BrokerLimits.uncountedHeldBytes else { return context.write(wrapOutboundOut(answer), promise: nil) }
        unsentBytes += bytes
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.unsentBytes -= bytes
            self.noteHeldBytes(hasProgressed: true)
        }
        context.write(wrapOutboundOut(answer), promise: written)
    }

    /// One flush for all answers of this turn of the event loop.
    private func scheduleFlush() {
        guard !flushIsScheduled, let context else { return }
        flushIsScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.flushIsScheduled = false
            self.context?.flush()
            self.noteHeldBytes(hasProgressed: false)
            self.resume()
        }
    }

    private func noteHeldBytes(hasProgressed: Bool) {
        let held = splitter.capacity + unsentBytes + stuckBytes
        let bytes = context == nil || held <= BrokerLimits.uncountedHeldBytes ? 0 : held
        guard bytes > 0 || notedBytes > 0 else { return }
        notedBytes = bytes
        broker.holds(self, bytes: bytes, hasProgressed: hasProgressed)
    }

    /// Closes the connection.
    func close() {
        context?.close(promise: nil)
    }
}
