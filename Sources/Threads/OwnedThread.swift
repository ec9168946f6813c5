import CLinux
import Glibc

/// An operating-system thread with a name, that its owner must join.
///
/// Blocking C calls (librdkafka's poll, libpq, hiredis' reader) run here and never on the cooperative pool.
public final class OwnedThread: Sendable {
    /// A `pthread_t` is an integer on Linux; it is written once, before the initialiser returns.
    private let handle: pthread_t

    /// Starts the thread at once. `name` is cut to the 15 bytes that the kernel keeps.
    /// - Throws: ``OwnedThreadError`` when the system refuses another thread.
    public init(name: String, body: @escaping @Sendable () -> Void) throws(OwnedThreadError) {
        let start = Unmanaged.passRetained(Start(name: String(name.utf8.prefix(15)) ?? "thread", body: body))
        var handle = pthread_t()
        let status = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                _ = clinux_set_thread_name(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            throw OwnedThreadError(errno: status)
        }
        self.handle = handle
    }

    /// Waits for the thread to end. Call it exactly once, from another thread, after telling the body to stop.
    public func join() {
        pthread_join(handle, nil)
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

/// The system refused to start a thread.
public struct OwnedThreadError: Error, CustomStringConvertible {
    /// The error number that `pthread_create` returned.
    public let errno: Int32

    public var description: String { "cannot start a thread: \(String(cString: strerror(errno)))" }
}
