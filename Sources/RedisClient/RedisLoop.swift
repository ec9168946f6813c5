import Glibc
import Logging

/// The body of the I/O thread: connect, greet, serve, reconnect. All of it is confined to that thread; callers meet it in the mailbox.
struct RedisLoop: ~Copyable {
    private let configuration: RedisConfiguration
    private let scripts: [RedisScript]
    private let logger: Logger
    private let onConnect: (@Sendable (_ runID: String) -> Void)?
    private let mailbox: RedisMailbox
    private var inFlight = RedisInFlight()
    private var taken = RedisOutgoing()
    private var completions: [RedisInFlight.Completion] = []
    private let buffer: UnsafeMutableRawBufferPointer

    /// Bytes read at once. hiredis moves what is left in its buffer after each kilobyte it parsed, so larger reads cost more than they save.
    private static let readBytes = 32 * 1024
    /// Reads before the writes get their turn again.
    private static let readsPerTurn = 16

    /// Prepares the loop; ``run()`` is its work.
    init(
        configuration: RedisConfiguration, scripts: [RedisScript], logger: Logger, onConnect: (@Sendable (_ runID: String) -> Void)?,
        mailbox: RedisMailbox
    ) {
        self.configuration = configuration
        self.scripts = scripts
        self.logger = logger
        self.onConnect = onConnect
        self.mailbox = mailbox
        buffer = .allocate(byteCount: Self.readBytes, alignment: 16)
    }

    deinit {
        buffer.deallocate()
    }

    /// Runs until the mailbox is stopped.
    mutating func run() {
        var pause = configuration.reconnectMinimum
        while !mailbox.isStopping {
            do throws(RedisFailure) {
                var link = try connect()
                pause = configuration.reconnectMinimum
                do throws(RedisFailure) {
                    try serve(&link)
                } catch {
                    lose(link.written, error)
                }
            } catch {
                logger.debug("cannot connect to Redis", metadata: metadata(error))
                mailbox.disconnected(reason: error.message)
            }
            guard !mailbox.isStopping else { break }
            // Between half and the whole pause, so that many clients do not return at the same instant.
            sleep(pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, configuration.reconnectMaximum)
        }
        mailbox.finish()
    }

    private mutating func connect() throws(RedisFailure) -> RedisLink {
        let greeting = RedisGreeting(configuration: configuration, scripts: scripts)
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let mailbox = mailbox
        let socket = try RedisSocket.connect(host: configuration.host, port: configuration.port) { descriptor, events throws(RedisFailure) in
            try Self.wait(descriptor, events, until: deadline, mailbox: mailbox)
        }
        var link = try RedisLink(socket: socket)
        var bytes = greeting.bytes
        link.enqueue(&bytes)
        try link.flush()
        var replies: [RedisReply] = []
        while replies.count < greeting.count {
            try Self.wait(link.socket.descriptor, Int16(POLLIN | (link.unwritten > 0 ? POLLOUT : 0)), until: deadline, mailbox: mailbox)
            try link.flush()
            if case .closed(let reason) = try link.receive(into: buffer) { throw RedisFailure(code: .notConnected, message: reason) }
            while let reply = try link.nextReply() { replies.append(reply) }
        }
        let runID = try greeting.check(replies)
        logger.debug("connected to Redis", metadata: ["redis.server": "\(configuration)", "redis.run_id": "\(runID)"])
        // Before any caller gets a reply from this server.
        onConnect?(runID)
        mailbox.connected(runID: runID)
        return link
    }

    /// Returns when the mailbox is stopped and everything in flight was answered.
    private mutating func serve(_ link: inout RedisLink) throws(RedisFailure) {
        while true {
            takeSubmissions(&link)
            try link.flush()
            if inFlight.isEmpty, mailbox.isStopping { return }
            if poll(link) {
                let drained = try receive(&link)
                if !drained { continue }
            }
            if let deadline = inFlight.oldestDeadline, deadline <= .now {
                throw RedisFailure(code: .timeout, message: "no reply within \(configuration.commandTimeout)")
            }
        }
    }

    private mutating func takeSubmissions(_ link: inout RedisLink) {
        mailbox.take(into: &taken, unwritten: link.unwritten)
        guard !taken.isEmpty else { return }
        let base = link.enqueued
        let deadline = ContinuousClock.now + configuration.commandTimeout
        var start = base
        for submission in taken.submissions {
            inFlight.append(.init(waiter: submission.waiter, start: start, end: base + submission.end, deadline: deadline))
            start = base + submission.end
        }
        link.enqueue(&taken.bytes)
        taken.reset()
    }

    /// Reads and resumes callers; true when the socket held no more.
    private mutating func receive(_ link: inout RedisLink) throws(RedisFailure) -> Bool {
        for _ in 0..<Self.readsPerTurn {
            do throws(RedisFailure) {
                let received = try link.receive(into: buffer)
                while let reply = try link.nextReply() {
                    if let completion = try inFlight.match(reply) { completions.append(completion) }
                }
                resumeCompleted()
                switch received {
                case .bytes(let count): if count < buffer.count { return true }
                case .nothingYet: return true
                case .closed(let reason): throw RedisFailure(code: .connectionLost, message: reason)
                }
            } catch {
                resumeCompleted()
                throw error
            }
        }
        return false
    }

    private mutating func resumeCompleted() {
        guard !completions.isEmpty else { return }
        // Room is made first: a caller that goes on at once must not find the queue full of what is done.
        mailbox.complete(
            completions.reduce(0) { count, completion in
                switch completion {
                case .single, .callback: count + 1
                case .batch(_, let replies): count + replies.count
                }
            })
        for completion in completions { completion.resume() }
        completions.removeAll(keepingCapacity: true)
    }

    /// Gives up the connection.
    private mutating func lose(_ written: Int, _ failure: RedisFailure) {
        logger.debug("lost the connection to Redis", metadata: metadata(failure))
        // New commands are refused before the old ones fail, so that a retry does not queue behind a dead connection.
        mailbox.disconnected(reason: failure.message)
        mailbox.complete(inFlight.failAll(failure, written: written))
    }

    private func metadata(_ failure: RedisFailure) -> Logger.Metadata {
        ["redis.server": "\(configuration)", "error.code": "\(failure.code.rawValue)", "error.message": "\(failure.message)"]
    }
}

extension RedisLoop {
    /// Waits for the socket, a submission, or the oldest deadline; true when there may be something to read.
    private func poll(_ link: borrowing RedisLink) -> Bool {
        var events = (Self.interest(link), pollfd(fd: mailbox.wakeFD, events: Int16(POLLIN), revents: 0))
        var milliseconds: Int32 = 0
        if mailbox.prepareToSleep() { milliseconds = inFlight.oldestDeadline.map { Self.milliseconds(until: $0) } ?? -1 }
        let count = withUnsafeMutablePointer(to: &events) {
            $0.withMemoryRebound(to: pollfd.self, capacity: 2) { Glibc.poll($0, 2, milliseconds) }
        }
        guard count > 0 else { return false }
        if events.1.revents != 0 { mailbox.acknowledgeWake() }
        return Self.isReadable(events.0)
    }

    private static func interest(_ link: borrowing RedisLink) -> pollfd {
        pollfd(fd: link.socket.descriptor, events: Int16(POLLIN | (link.unwritten > 0 ? POLLOUT : 0)), revents: 0)
    }

    private static func isReadable(_ event: pollfd) -> Bool { event.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 }

    /// Waits for one event on one descriptor, for connecting and greeting.
    private static func wait(
        _ descriptor: Int32, _ events: Int16, until deadline: ContinuousClock.Instant, mailbox: RedisMailbox
    ) throws(RedisFailure) {
        while true {
            var polled = [pollfd(fd: descriptor, events: events, revents: 0), pollfd(fd: mailbox.wakeFD, events: Int16(POLLIN), revents: 0)]
            let count = Glibc.poll(&polled, 2, milliseconds(until: deadline))
            if polled[1].revents != 0 { mailbox.acknowledgeWake() }
            if mailbox.isStopping { throw RedisFailure(code: .stopped, message: "the client was shut down") }
            if count > 0, polled[0].revents != 0 { return }
            guard deadline > .now else { throw RedisFailure(code: .notConnected, message: "no answer within the time to connect") }
        }
    }

    /// Pauses; a stop ends it early.
    private func sleep(_ duration: Duration) {
        let deadline = ContinuousClock.now + duration
        while !mailbox.isStopping, deadline > .now {
            var polled = pollfd(fd: mailbox.wakeFD, events: Int16(POLLIN), revents: 0)
            if Glibc.poll(&polled, 1, Self.milliseconds(until: deadline)) > 0 { mailbox.acknowledgeWake() }
        }
    }

    /// Rounded up, so that a deadline has passed when poll returns.
    private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        return Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
