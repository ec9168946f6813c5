import Glibc

/// Owns a connected, non-blocking TCP socket. Confined to the I/O thread.
struct RedisSocket: ~Copyable {
    /// For poll, while the owner lives.
    let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// What a read found.
    enum Received {
        case bytes(Int)
        case nothingYet
        case closed(String)
    }

    /// Connects to the first address of the host that answers before `deadline`.
    /// - Parameter wait: waits until the descriptor is ready for the events, or throws at the deadline.
    static func connect(
        host: String, port: Int, wait: (_ descriptor: Int32, _ events: Int16) throws(RedisFailure) -> Void
    ) throws(RedisFailure) -> RedisSocket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            throw RedisFailure(code: .notConnected, message: "cannot look up the host: \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }

        var failure = RedisFailure(code: .notConnected, message: "the host has no address")
        var next = list
        while let address = next?.pointee {
            next = address.ai_next
            do throws(RedisFailure) {
                return try open(address, wait: wait)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func open(
        _ address: addrinfo, wait: (_ descriptor: Int32, _ events: Int16) throws(RedisFailure) -> Void
    ) throws(RedisFailure) -> RedisSocket {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(address.ai_family, type, 0)
        guard descriptor >= 0 else { throw system("cannot open a socket") }
        let socket = RedisSocket(descriptor: descriptor)
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, size)

        if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) != 0 {
            guard errno == EINPROGRESS else { throw system("cannot connect") }
            try wait(descriptor, Int16(POLLOUT))
            var code: Int32 = 0
            var length = size
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
            guard code == 0 else { throw system("cannot connect", code) }
        }
        return socket
    }

    private static func system(_ message: String, _ code: Int32 = errno) -> RedisFailure {
        RedisFailure(code: .notConnected, message: "\(message): \(String(cString: strerror(code)))")
    }

    /// Writes what the kernel takes; 0 when it takes nothing now.
    func send(_ bytes: UnsafeRawBufferPointer) throws(RedisFailure) -> Int {
        while true {
            // MSG_NOSIGNAL: a closed peer is an error here, not a SIGPIPE.
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return 0
            default: throw RedisFailure(code: .connectionLost, message: "cannot send: \(String(cString: strerror(errno)))")
            }
        }
    }

    /// Reads what has arrived.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Received {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed("Redis closed the connection") }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .nothingYet
            default: return .closed("cannot receive: \(String(cString: strerror(errno)))")
            }
        }
    }
}
