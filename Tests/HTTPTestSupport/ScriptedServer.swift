import Glibc
import Synchronization

/// A request as the server read it.
public struct ReceivedRequest: Sendable {
    public let method: String
    /// With the query.
    public let target: String
    /// Names in lower case.
    public let headers: [String: String]
    public let body: [UInt8]
    /// Which connection of the server it came on, from 1.
    public let connection: Int

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }
}

/// What the server does with a request, one after the other; at the end it reads the next request of the connection.
public enum ScriptedAction: Sendable {
    case send([UInt8])
    case wait(Duration)
    /// Closes the connection.
    case close
    /// Says nothing more; the connection stays open until the client ends it.
    case hang
    /// Nobody can connect any more.
    case stopListening

    /// A whole answer.
    public static func answer(_ status: Int, _ body: String = "{}", headers: [String] = []) -> ScriptedAction {
        let lines = ["HTTP/1.1 \(status) Status", "content-length: \(body.utf8.count)"] + headers
        return .send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8))
    }

    /// Text as it is.
    public static func raw(_ text: String) -> ScriptedAction { .send(Array(text.utf8)) }
}

/// An HTTP server on a free loopback port that does what a script says, right or wrong; a thread for each connection.
public final class ScriptedServer: Sendable {
    public typealias Script = @Sendable (_ request: ReceivedRequest, _ number: Int) -> [ScriptedAction]

    public let port: Int
    private let listener: Mutex<Int32>
    private let script: Script
    private let received = Mutex<[ReceivedRequest]>([])
    private let connections = Mutex<(count: Int, open: [Int32])>((0, []))

    public var url: String { "http://127.0.0.1:\(port)" }

    /// All requests so far.
    public var requests: [ReceivedRequest] { received.withLock { $0 } }

    /// Connections accepted so far.
    public var connectionCount: Int { connections.withLock { $0.count } }

    /// Listens at once.
    /// - Parameter script: called for each request with its number from 1, on the thread of its connection.
    public init(port: Int = 0, _ script: @escaping Script) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 128) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw ServerFailure(text: "cannot listen: \(errno)") }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        listener = Mutex(descriptor)
        self.script = script
        detach { [weak self] in
            // Only here: a number that is closed elsewhere may be the next server's before this thread asks for a connection.
            defer { Glibc.close(descriptor) }
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0, let self else {
                    if connection >= 0 { Glibc.close(connection) }
                    return
                }
                let number = self.connections.withLock { connections in
                    connections.count += 1
                    connections.open.append(connection)
                    return connections.count
                }
                detach { [weak self] in
                    self?.serve(connection, number)
                    self?.connections.withLock { $0.open.removeAll { $0 == connection } }
                    Glibc.close(connection)
                }
            }
        }
    }

    deinit {
        stopListening()
        connections.withLock { for connection in $0.open { shutdown(connection, Int32(SHUT_RDWR)) } }
    }

    /// From now on connections are refused; those that are open stay.
    public func stopListening() {
        listener.withLock { descriptor in
            guard descriptor >= 0 else { return }
            shutdown(descriptor, Int32(SHUT_RDWR))
            descriptor = -1
        }
    }

    private func serve(_ connection: Int32, _ number: Int) {
        var reader = RequestReader(descriptor: connection, connection: number)
        while let request = reader.next() {
            let count = received.withLock { received in
                received.append(request)
                return received.count
            }
            for action in script(request, count) {
                switch action {
                case .send(let bytes): guard send(bytes, to: connection) else { return }
                case .wait(let duration): usleep(UInt32(duration / .microseconds(1)))
                case .close: return
                case .hang:
                    var byte: UInt8 = 0
                    while recv(connection, &byte, 1, 0) > 0 {}
                    return
                case .stopListening: stopListening()
                }
            }
        }
    }

    private func send(_ bytes: [UInt8], to connection: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(connection, $0.baseAddress?.advanced(by: done), $0.count - done, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}

/// The test's server could not do its part.
public struct ServerFailure: Error {
    public let text: String

    public init(text: String) {
        self.text = text
    }
}

/// Reads requests with a Content-Length, one after the other.
private struct RequestReader {
    let descriptor: Int32
    let connection: Int
    private var buffer: [UInt8] = []

    init(descriptor: Int32, connection: Int) {
        self.descriptor = descriptor
        self.connection = connection
    }

    mutating func next() -> ReceivedRequest? {
        var end: Int?
        while true {
            end = buffer.indices.first { buffer[$0...].starts(with: "\r\n\r\n".utf8) }
            if end != nil { break }
            guard fill() else { return nil }
        }
        guard let end else { return nil }
        let lines = String(decoding: buffer[..<end], as: UTF8.self).split(separator: "\r\n").map(String.init)
        let start = (lines.first ?? "").split(separator: " ").map(String.init)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let length = Int(headers["content-length"] ?? "0") ?? 0
        while buffer.count < end + 4 + length { guard fill() else { return nil } }
        let body = Array(buffer[(end + 4)..<(end + 4 + length)])
        buffer.removeFirst(end + 4 + length)
        guard start.count >= 2 else { return nil }
        return ReceivedRequest(method: start[0], target: start[1], headers: headers, body: body, connection: connection)
    }

    private mutating func fill() -> Bool {
        var piece = [UInt8](repeating: 0, count: 16_384)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer.append(contentsOf: piece[..<count])
        return true
    }
}

private func detach(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body: body))
    var thread = pthread_t()
    let status = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    if status == 0 { pthread_detach(thread) } else { box.release() }
}

private final class Box: Sendable {
    let body: @Sendable () -> Void

    init(body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}
