import CEpoll
import Glibc
import Histogram

/// One run of a plan: the event loop, on its own thread.
final class LoadRun {
    private static let maxEvents = 256
    /// Latencies are kept in microseconds with three digits; the histogram grows when one is above this.
    private static let highestLatencyUs: UInt64 = 60_000_000
    private static let progressNs: Int64 = 1_000_000_000
    private static let connectLimitNs: Int64 = 5_000_000_000

    private let plan: LoadPlan
    private let epoll: Int32
    private let host: in_addr
    private let connections: [LoadConnection]
    private let endNs: Int64
    private let timeoutNs: Int64
    /// Nanoseconds between two requests of the open loop; 0 in the closed loop.
    private let intervalNs: Double
    private let limit: Int
    /// How long the loop sleeps between two looks at the sockets; 0 is woken by them.
    private let tickNs: Int64

    /// Free connections, longest free first.
    private var free: [Int] = []
    private var freeHead = 0
    private var lost = 0
    private var startNs: Int64 = 0
    private var lastAnswerNs: Int64 = 0
    private var next = 0
    private var answered = 0
    private var failed = 0
    private var serverErrors = 0
    private var reconnects = 0
    /// Since the last progress report.
    private var slowestUs: UInt64 = 0
    private var codes = [Int](repeating: 0, count: 1000)
    private var latencies = Histogram<UInt64>(highestTrackableValue: highestLatencyUs, numberOfSignificantValueDigits: .three)

    init(_ plan: LoadPlan) throws(LoadError) {
        self.plan = plan
        epoll = cepoll_create()
        guard epoll >= 0 else { throw LoadError(.system, operation: "load", message: String(cString: strerror(errno))) }
        var host = in_addr()
        guard inet_pton(AF_INET, plan.host, &host) == 1 else {
            throw LoadError(.invalidPlan, operation: "load", message: "\(plan.host) is not an IPv4 address")
        }
        self.host = host
        connections = (0..<plan.connections).map { LoadConnection(slot: $0) }
        endNs = Self.nanoseconds(plan.duration)
        timeoutNs = Self.nanoseconds(plan.answerTimeout)
        limit = plan.maxRequests ?? .max
        if case .perSecond(let rate) = plan.pace { intervalNs = 1e9 / rate } else { intervalNs = 0 }
        let tickNs = Self.nanoseconds(plan.tick)
        self.tickNs = intervalNs > 0 && intervalNs < Double(tickNs) ? tickNs : 0
        latencies.autoResize = true
    }

    deinit { close(epoll) }

    func run() throws(LoadError) -> LoadReport {
        try connectAll()
        startNs = Self.now()
        lastAnswerNs = startNs
        var progressAt = startNs + Self.progressNs
        var sweepAt = startNs
        var events = [cepoll_event](repeating: cepoll_event(), count: Self.maxEvents)
        while true {
            let nowNs = Self.now()
            sendDue(nowNs)
            if nowNs >= sweepAt {
                sweep(nowNs)
                sweepAt = nowNs + 20_000_000
            }
            if let onProgress = plan.onProgress, nowNs >= progressAt {
                onProgress(LoadProgress(answered: answered, errors: failed + serverErrors, maxMs: Double(slowestUs) / 1000))
                slowestUs = 0
                progressAt += Self.progressNs
            }
            let inFlight = connections.count - (free.count - freeHead) - lost
            if isSendingOver(nowNs), inFlight == 0 { break }
            if nowNs > startNs + endNs + timeoutNs { break }
            if tickNs > 0 { sleepUntilTick(nowNs) }
            wait(nowNs, &events)
        }
        return report()
    }

    // MARK: Sending

    /// When request `index` is due.
    private func due(_ index: Int) -> Int64 { startNs + Int64(Double(index) * intervalNs) }

    /// How many requests fall into the duration, in the open loop.
    private var planned: Int { min(limit, Int(Double(endNs) / intervalNs)) }

    private func isSendingOver(_ nowNs: Int64) -> Bool {
        intervalNs > 0 ? next >= planned : nowNs >= startNs + endNs || next >= limit
    }

    private func sendDue(_ nowNs: Int64) {
        while freeHead < free.count, !isSendingOver(nowNs) {
            let dueNs = intervalNs > 0 ? due(next) : nowNs
            guard dueNs <= nowNs else { break }
            let connection = connections[free[freeHead]]
            freeHead += 1
            let index = next
            next += 1
            if !connection.send(index: index, dueNs: dueNs, nowNs: nowNs, build: plan.request) { lose(connection, nowNs) }
        }
        // The queue is a window that moves through an array, cut when its dead part is the larger.
        if freeHead > 1024, freeHead * 2 > free.count {
            free.removeFirst(freeHead)
            freeHead = 0
        }
    }

    // MARK: Events

    /// Ticks are counted from the start, so that a late one does not shift the next.
    private func sleepUntilTick(_ nowNs: Int64) {
        var pause = timespec(tv_sec: 0, tv_nsec: Int(tickNs - (nowNs - startNs) % tickNs))
        nanosleep(&pause, nil)
    }

    private func wait(_ nowNs: Int64, _ events: inout [cepoll_event]) {
        let isTicking = tickNs > 0 && startNs > 0
        var pauseNs: Int64 = isTicking ? 0 : 20_000_000
        if !isTicking, intervalNs > 0, startNs > 0, freeHead < free.count, !isSendingOver(nowNs) { pauseNs = min(pauseNs, max(0, due(next) - nowNs)) }
        let count = cepoll_wait(epoll, &events, Int32(events.count), pauseNs)
        guard count > 0 else { return }
        for event in events[..<Int(count)] { handle(event, Self.now()) }
    }

    private func handle(_ event: cepoll_event, _ nowNs: Int64) {
        let connection = connections[Int(event.tag)]
        switch connection.state {
        case .waiting: return
        case .connecting:
            guard connection.finishConnecting() else { return lose(connection, nowNs) }
            lost -= 1
            free.append(connection.slot)
        case .idle, .busy:
            if event.writable != 0, !connection.flush() { return lose(connection, nowNs) }
            guard event.readable != 0 else { return }
            switch connection.receive() {
            case .nothing: if event.closed != 0 { lose(connection, nowNs) }
            case .lost, .answer(.malformed), .answer(.incomplete): lose(connection, nowNs)
            case .answer(.whole(let status, let bodyStart, let end, let closes)):
                record(connection, status, nowNs)
                plan.onAnswer?(connection.index, status, connection.body(bodyStart..<end))
                connection.state = .idle
                if closes || event.closed != 0 {
                    lose(connection, nowNs)
                } else {
                    free.append(connection.slot)
                    sendDue(nowNs)
                }
            }
        }
    }

    private func record(_ connection: LoadConnection, _ status: Int, _ nowNs: Int64) {
        answered += 1
        codes[status] += 1
        if status >= 500 { serverErrors += 1 }
        lastAnswerNs = nowNs
        let latencyUs = UInt64(max(0, nowNs - connection.dueNs) / 1000)
        slowestUs = max(slowestUs, latencyUs)
        latencies.record(latencyUs)
    }

    // MARK: Connections

    private func connectAll() throws(LoadError) {
        lost = connections.count
        let beganNs = Self.now()
        var events = [cepoll_event](repeating: cepoll_event(), count: Self.maxEvents)
        while lost > 0 {
            let nowNs = Self.now()
            guard nowNs - beganNs < Self.connectLimitNs else {
                throw LoadError(
                    .cannotConnect, operation: "load",
                    message: "\(lost) of \(connections.count) connections to \(plan.host):\(plan.port) do not stand")
            }
            sweep(nowNs)
            wait(nowNs, &events)
        }
        reconnects = 0
    }

    private func lose(_ connection: LoadConnection, _ nowNs: Int64) {
        switch connection.state {
        case .busy:
            failed += 1
            lost += 1
        case .idle:
            // Closed by the server between two requests; it may stand in the queue of free ones.
            if let place = free[freeHead...].firstIndex(of: connection.slot) { free.remove(at: place) }
            lost += 1
        case .connecting, .waiting: break
        }
        connection.drop(nowNs: nowNs)
    }

    /// Opens lost connections again, and gives up those whose answer is overdue.
    private func sweep(_ nowNs: Int64) {
        for connection in connections {
            switch connection.state {
            case .waiting(let untilNs) where nowNs >= untilNs:
                reconnects += 1
                if !connection.connect(host: host, port: plan.port, epoll: epoll) { connection.drop(nowNs: nowNs) }
            case .busy where nowNs - connection.sentNs > timeoutNs: lose(connection, nowNs)
            default: break
            }
        }
    }

    // MARK: Result

    private func report() -> LoadReport {
        let elapsedNs = max(1, lastAnswerNs - startNs)
        let wanted = intervalNs > 0 ? planned : next
        func percentile(_ value: Double) -> Double { answered == 0 ? 0 : Double(latencies.valueAtPercentile(value)) / 1000 }
        return LoadReport(
            sent: next, answered: answered, unanswered: max(failed, wanted - answered),
            codes: Dictionary(uniqueKeysWithValues: codes.enumerated().filter { $0.element > 0 }.map { ($0.offset, $0.element) }),
            reconnects: reconnects, elapsed: .nanoseconds(elapsedNs), requestsPerSecond: Double(answered) / (Double(elapsedNs) / 1e9),
            p50Ms: percentile(50), p99Ms: percentile(99), p999Ms: percentile(99.9),
            maxMs: answered == 0 ? 0 : Double(latencies.max) / 1000, meanMs: answered == 0 ? 0 : latencies.mean / 1000)
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
