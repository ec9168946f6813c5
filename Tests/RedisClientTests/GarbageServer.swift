import Glibc
import Testing

/// Listens on a free port and answers the first connection with bytes that are not RESP.
final class GarbageServer: Sendable {
    let port: Int
    private let listener: Int32

    init() throws {
        let port = try TestRedis.freePort()
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
        try #require(bound && listen(descriptor, 4) == 0)
        self.port = port
        listener = descriptor
        var thread = pthread_t()
        let argument = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        argument.initialize(to: descriptor)
        pthread_create(
            &thread, nil,
            { argument in
                let listener = argument?.assumingMemoryBound(to: Int32.self).pointee ?? -1
                argument?.deallocate()
                let connection = accept(listener, nil, nil)
                _ = "HTTP/1.1 400 Bad Request\r\n\r\n".withCString { send(connection, $0, 28, Int32(MSG_NOSIGNAL)) }
                close(connection)
                return nil
            }, argument)
        pthread_detach(thread)
    }

    deinit {
        close(listener)
    }
}
