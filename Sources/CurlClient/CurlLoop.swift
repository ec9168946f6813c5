import CCurl
import Glibc

/// The I/O thread of one client: starts transfers, lets libcurl work, resumes callers.
struct CurlLoop {
    private let configuration: CurlConfiguration
    private let multi: CurlMulti
    private let mailbox: CurlMailbox
    private var handles: CurlHandles
    /// Beyond `maxConnections`, first come first served; the first ``waitingStart`` entries are gone.
    private var waiting: [CurlTransfer] = []
    private var waitingStart = 0
    /// No waiting transfer is due before this.
    private var waitingDeadline: ContinuousClock.Instant?
    private var active: [ObjectIdentifier: CurlTransfer] = [:]
    private var drainDeadline: ContinuousClock.Instant?

    /// Longest poll while nothing is due: only a bound, since whatever happens wakes it.
    private static let idlePollMs: Int32 = 60_000

    init(configuration: CurlConfiguration, multi: CurlMulti, mailbox: CurlMailbox) {
        self.configuration = configuration
        self.multi = multi
        self.mailbox = mailbox
        handles = CurlHandles(configuration: configuration)
    }

    /// Runs until the mailbox is stopped and what was in flight has ended.
    mutating func run() {
        Self.blockBrokenPipeSignal()
        ccurl_multi_set_long(multi.handle, CURLMOPT_MAXCONNECTS, configuration.maxConnections)
        ccurl_multi_set_long(multi.handle, CURLMOPT_PIPELINING, 0)
        while true {
            let work = mailbox.take(sleeping: true)
            accept(work)
            startWaiting()
            var running: Int32 = 0
            curl_multi_perform(multi.handle, &running)
            let ended = collect()
            if work.phase == .stopping, drained() { break }
            // A connection became free for the next one: start it before sleeping.
            if ended > 0, waitingStart < waiting.count { continue }
            if work.isEmpty { curl_multi_poll(multi.handle, nil, 0, pollMs(), nil) }
            mailbox.awake()
        }
        for transfer in mailbox.finish() { transfer.fail(.stopped, "the client was shut down") }
        handles.close()
    }

    private mutating func accept(_ work: CurlMailbox.Work) {
        for transfer in work.submitted {
            waiting.append(transfer)
            waitingDeadline = min(waitingDeadline ?? transfer.deadline, transfer.deadline)
        }
        for transfer in work.cancelled {
            if active[ObjectIdentifier(transfer)] != nil {
                abandon(transfer, .cancelled, "the task was cancelled")
            } else {
                transfer.isCancelled = true
                // It may be among those that wait: look through them now.
                waitingDeadline = .now
            }
        }
    }

    private mutating func startWaiting() {
        guard waitingStart < waiting.count else { return }
        let now = ContinuousClock.now
        var ended = 0
        while active.count < configuration.maxConnections, waitingStart < waiting.count {
            let transfer = waiting[waitingStart]
            waitingStart += 1
            if !expire(transfer, now: now), handles.begin(transfer, multi: multi, now: now) {
                active[ObjectIdentifier(transfer)] = transfer
            } else {
                ended += 1
            }
        }
        if waitingStart == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            waitingStart = 0
            waitingDeadline = nil
        } else if (waitingDeadline.map { $0 <= now } ?? false) || waitingStart * 2 > configuration.maxPending {
            ended += expireWaiting(now: now)
        }
        if ended > 0 { mailbox.ended(ended) }
    }

    /// Ends those that wait too long or were cancelled meanwhile.
    private mutating func expireWaiting(now: ContinuousClock.Instant) -> Int {
        var kept: [CurlTransfer] = []
        waitingDeadline = nil
        for transfer in waiting[waitingStart...] where !expire(transfer, now: now) {
            kept.append(transfer)
            waitingDeadline = min(waitingDeadline ?? transfer.deadline, transfer.deadline)
        }
        let ended = waiting.count - waitingStart - kept.count
        waiting = kept
        waitingStart = 0
        return ended
    }

    private func expire(_ transfer: CurlTransfer, now: ContinuousClock.Instant) -> Bool {
        if transfer.isCancelled {
            transfer.fail(.cancelled, "the task was cancelled")
        } else if transfer.deadline - now <= leastTime(of: transfer) {
            transfer.fail(.timeout, "no connection became free in time")
        } else {
            return false
        }
        return true
    }

    /// A mail that is cut off may have arrived all the same, so it is not begun without half of its time.
    private func leastTime(of transfer: CurlTransfer) -> Duration {
        if case .mail(let message, _) = transfer.job { (message.timeout ?? configuration.timeout) / 2 } else { .zero }
    }

    /// Resumes the callers of finished transfers.
    private mutating func collect() -> Int {
        var ended = 0
        var result = CURLE_OK
        while let easy = ccurl_multi_next_done(multi.handle, &result) {
            var pointer: UnsafeMutableRawPointer?
            ccurl_get_pointer(easy, &pointer)
            guard let pointer else { continue }
            let transfer = Unmanaged<CurlTransfer>.fromOpaque(pointer).takeUnretainedValue()
            let status = handles.status(of: easy)
            let sent = handles.wasSent(transfer, easy)
            if let refused = transfer.refusedAddress, refused.pointee != 0, result == CURLE_COULDNT_CONNECT { transfer.refusal = .forbiddenAddress }
            handles.end(transfer, multi: multi)
            active[ObjectIdentifier(transfer)] = nil
            ended += 1
            tell(transfer, result, status: status, wasSent: sent)
        }
        if ended > 0 { mailbox.ended(ended) }
        return ended
    }

    /// Resumes the caller of a finished transfer.
    private func tell(_ transfer: CurlTransfer, _ result: CURLcode, status: Int, wasSent: Bool) {
        let code: CurlError.Code
        switch transfer.job {
        case .http where result == CURLE_OK && transfer.hasAllHeaders: return transfer.succeed(status: status)
        case .http where result == CURLE_OK:
            return transfer.fail(.connectionLost, "the connection ended within the headers", mayHaveBeenSent: wasSent)
        case .mail where result == CURLE_OK: return transfer.succeed(status: status)
        case .http: code = CurlError.code(of: result, wasSent: wasSent)
        case .mail:
            code = CurlError.code(of: result, reply: transfer.dialogue.reply)
            if code == .timeout { multi.hasSilentServer = true }
        }
        // What a server has refused in words it does not have.
        transfer.fail(
            transfer.refusal ?? code, String(cString: curl_easy_strerror(result)),
            mayHaveBeenSent: wasSent && transfer.dialogue.reply.code < 400, curlCode: Int32(result.rawValue))
    }

    /// Gives up a transfer that libcurl works on; its connection is closed.
    private mutating func abandon(_ transfer: CurlTransfer, _ code: CurlError.Code, _ message: String) {
        let sent = transfer.easy.map { handles.wasSent(transfer, $0) } ?? false
        if case .mail = transfer.job { multi.hasSilentServer = true }
        handles.end(transfer, multi: multi)
        active[ObjectIdentifier(transfer)] = nil
        mailbox.ended(1)
        transfer.fail(code, message, mayHaveBeenSent: sent)
    }

    /// Whether nothing is left to wait for; after the drain time everything left is given up.
    private mutating func drained() -> Bool {
        for transfer in waiting[waitingStart...] { transfer.fail(.stopped, "the client was shut down") }
        waiting = []
        waitingStart = 0
        waitingDeadline = nil
        let deadline = drainDeadline ?? ContinuousClock.now + configuration.drainTimeout
        drainDeadline = deadline
        if !active.isEmpty, deadline <= ContinuousClock.now {
            for transfer in Array(active.values) { abandon(transfer, .stopped, "the client was shut down") }
        }
        return active.isEmpty
    }

    /// Until the first waiting request or the drain is over; libcurl wakes by itself for those in flight.
    private func pollMs() -> Int32 {
        guard let until = [drainDeadline, waitingDeadline].compactMap({ $0 }).min() else { return Self.idlePollMs }
        return Int32(min(Int64(Self.idlePollMs), max(1, (until - ContinuousClock.now).milliseconds)))
    }

    /// OpenSSL writes without MSG_NOSIGNAL, and with CURLOPT_NOSIGNAL libcurl leaves SIGPIPE to us. It is raised for the writing thread, so blocking it here is enough.
    private static func blockBrokenPipeSignal() {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }
}

extension Duration {
    /// Whole milliseconds, rounded up.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
