import Foundation
import KafkaClient
import Synchronization

/// An embedded broker of this test run, on a free port with a folder of its own; ended with the test process.
public final class BrokerProcess: Sendable {
    public let port: UInt16
    private let binary: String
    private let folder: String
    private let process: Mutex<Process?>

    public init(binary: String) throws {
        self.binary = binary
        port = try Self.freePort()
        folder = NSTemporaryDirectory() + "kafka-test-\(UUID().uuidString)"
        process = Mutex(nil)
        try start()
    }

    /// Starts the process and waits until it accepts connections.
    public func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["--data", folder, "--port", "\(port)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        Leftovers.add(process.processIdentifier, folder: folder)
        self.process.withLock { $0 = process }
        let limit = ContinuousClock.now + .seconds(20)
        while !Self.accepts(port) {
            guard ContinuousClock.now < limit, process.isRunning else {
                throw KafkaError(.unreachable, operation: "start broker", message: "the broker does not accept connections")
            }
            usleep(10_000)
        }
    }

    /// kill -9, and waits for the end.
    public func kill() {
        guard let process = process.withLock({ $0.take() }) else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        Leftovers.remove(process.processIdentifier)
    }

    public static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0 }
        }
        guard bound else { throw KafkaError(.resources, operation: "free port", message: "no port") }
        return UInt16(bigEndian: address.sin_port)
    }

    public static func accepts(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }
}

/// Ends what is still running when the test process ends.
private enum Leftovers {
    private static let running = Mutex<[pid_t: String]>([:])
    private static let folders = Mutex<Set<String>>([])
    private static let registered: Void = {
        atexit {
            for pid in Leftovers.running.withLock({ $0.keys }) { kill(pid, SIGKILL) }
            for folder in Leftovers.folders.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: folder) }
        }
    }()

    static func add(_ pid: pid_t, folder: String) {
        _ = registered
        running.withLock { $0[pid] = folder }
        folders.withLock { _ = $0.insert(folder) }
    }

    static func remove(_ pid: pid_t) {
        running.withLock { $0[pid] = nil }
    }
}
