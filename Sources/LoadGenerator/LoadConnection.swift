import CEpoll
import Glibc

/// One keep-alive connection with at most one request in flight. Confined to the load thread.
final class LoadConnection {
    enum State {
        case connecting
        case idle
        case busy
        /// Lost; connects again when the time has come.
        case waiting(untilNs: Int64)
    }

    enum Progress {
        case nothing
        case answer(AnswerScanner.Outcome)
        case lost
    }

    private static let readBytes = 16 << 10
    /// A peer that is gone must be an error, not a signal.
    private static let noSignal = Int32(MSG_NOSIGNAL)
    private static let reconnectPauseNs: Int64 = 100_000_000

    let slot: Int
    private(set) var descriptor: Int32 = -1
    var state: State
    /// The request in flight.
    var index = 0
    var dueNs: Int64 = 0
    var sentNs: Int64 = 0

    private var output: [UInt8] = []
    private var written = 0
    private var input: [UInt8]
    private var filled = 0
    private var scanner = AnswerScanner()

    init(slot: Int) {
        self.slot = slot
        state = .waiting(untilNs: 0)
        input = [UInt8](repeating: 0, count: Self.readBytes)
        output.reserveCapacity(2048)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Begins to connect. The event loop is told by `epoll`.
    func connect(host: in_addr, port: Int, epoll: Int32) -> Bool {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        address.sin_addr = host
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 || errno == EINPROGRESS else {
            close(descriptor)
            descriptor = -1
            return false
        }
        // Edge-triggered for both directions: registered once, never changed.
        guard cepoll_add(epoll, descriptor, Int32(slot)) == 0 else { return false }
        state = .connecting
        return true
    }

    /// Whether the connection that was begun stands; called on its first event.
    func finishConnecting() -> Bool {
        var problem: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) == 0, problem == 0 else { return false }
        state = .idle
        return true
    }

    /// Sends a request; `build` fills the empty buffer.
    /// - Returns: false when the connection is lost.
    func send(index: Int, dueNs: Int64, nowNs: Int64, build: (Int, inout [UInt8]) -> Void) -> Bool {
        output.removeAll(keepingCapacity: true)
        build(index, &output)
        written = 0
        filled = 0
        scanner = AnswerScanner()
        state = .busy
        (self.index, self.dueNs, sentNs) = (index, dueNs, nowNs)
        return flush()
    }

    /// Writes what is left of the request.
    func flush() -> Bool {
        while written < output.count {
            let count = output.withUnsafeBytes { bytes in
                Glibc.send(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written, Self.noSignal)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            written += count
        }
        return true
    }

    /// Reads all there is; edge-triggered, so until the socket is empty.
    func receive() -> Progress {
        while true {
            if filled == input.count {
                guard filled < AnswerScanner.maxAnswerBytes else { return .answer(.malformed) }
                input.append(contentsOf: repeatElement(0, count: input.count))
            }
            let room = input.count - filled
            let count = input.withUnsafeMutableBytes { bytes in recv(descriptor, bytes.baseAddress?.advanced(by: filled), room, 0) }
            if count > 0 {
                guard case .busy = state else { return .lost }
                filled += count
                let outcome = input.withUnsafeBytes { scanner.scan(UnsafeRawBufferPointer(rebasing: $0[..<filled])) }
                if outcome != .incomplete { return .answer(outcome) }
                // A short read has emptied the socket, and one more call would only say so.
                if count < room { return .nothing }
            } else if count == 0 {
                return .lost
            } else if errno != EINTR {
                return errno == EAGAIN ? .nothing : .lost
            }
        }
    }

    /// A part of the answer that was read.
    func body(_ range: Range<Int>) -> ArraySlice<UInt8> { input[range] }

    /// Gives the connection up for a while.
    func drop(nowNs: Int64) {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        state = .waiting(untilNs: nowNs + Self.reconnectPauseNs)
    }
}
