import Dispatch
import Domain
import Glibc
import NIOCore
import Synchronization
import Threads

/// The append-only file of the books. Lines are written and made durable by a thread, as many at a time as have come; the answers wait for it.
final class Journal: Sendable {
    private struct State {
        var lines: [UInt8] = []
        /// Run on the event loop once what was appended before them is durable.
        var waiters: [@Sendable () -> Void] = []
        var isBusy = false
        var isStopping = false
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let descriptor: Int32
    private let loop: any EventLoop
    private let thread = Mutex<OwnedThread?>(nil)
    private let onFailure: @Sendable (SimulatorError) -> Void

    /// Opens the journal, gives every entry in it to `replay`, cuts a half-written last line off, and starts the thread.
    /// - Parameter onFailure: the disk refused a write: nothing more can be promised.
    init(
        directory: String, loop: any EventLoop, replay: (JournalEntry) -> Void, onFailure: @escaping @Sendable (SimulatorError) -> Void
    ) throws(SimulatorError) {
        let file = directory + "/journal.ndjson"
        try Self.createDirectory(directory)
        descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0o644)
        guard descriptor >= 0 else { throw Self.failure("open \(file)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw SimulatorError(operation: "use \(directory)", message: "it is in use by another payment-simulator")
        }
        self.loop = loop
        self.onFailure = onFailure
        let length = try Self.read(descriptor, file, replay)
        guard ftruncate(descriptor, length) == 0, fsync(descriptor) == 0 else { throw Self.failure("cut \(file)") }
        try Self.syncDirectory(directory)
        do {
            let started = try OwnedThread(name: "journal") { [self] in run() }
            thread.withLock { $0 = started }
        } catch {
            throw SimulatorError(operation: "start", message: "\(error)")
        }
    }

    /// Adds a line; `then` runs on the event loop once it is durable.
    func append(_ entry: JournalEntry, then: (@Sendable () -> Void)? = nil) {
        let line = entry.line
        let wake = state.withLock { state in
            state.lines.append(contentsOf: line)
            if let then { state.waiters.append(then) }
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if wake { available.signal() }
    }

    /// Runs `then` once everything appended so far is durable; at once when it is. Call it on the event loop.
    func whenDurable(_ then: @escaping @Sendable () -> Void) {
        let isDurable = state.withLock { state in
            if !state.isBusy { return true }
            state.waiters.append(then)
            return false
        }
        if isDurable { then() }
    }

    /// Writes what is left and ends the thread.
    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        state.withLock { $0.isStopping = true }
        available.signal()
        thread.join()
        close(descriptor)
    }

    private func run() {
        while true {
            available.wait()
            while let (lines, waiters) = next() {
                if !lines.isEmpty, !write(lines) { return }
                guard !waiters.isEmpty else { continue }
                loop.execute { for waiter in waiters { waiter() } }
            }
            if state.withLock({ $0.isStopping && !$0.isBusy }) { return }
        }
    }

    private func next() -> (lines: [UInt8], waiters: [@Sendable () -> Void])? {
        state.withLock { state in
            guard !state.lines.isEmpty || !state.waiters.isEmpty else {
                state.isBusy = false
                return nil
            }
            defer {
                state.lines = []
                state.waiters = []
            }
            return (state.lines, state.waiters)
        }
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                onFailure(Self.failure("write the journal"))
                return false
            }
            done += count
        }
        guard fdatasync(descriptor) == 0 else {
            onFailure(Self.failure("make the journal durable"))
            return false
        }
        return true
    }

    /// Reads line by line; returns where the last whole line ends.
    private static func read(_ descriptor: Int32, _ file: String, _ replay: (JournalEntry) -> Void) throws(SimulatorError) -> Int {
        var end = 0
        var number = 0
        var rest: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1024 * 1024)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read \(file)") }
            if count == 0 { return end }
            rest.append(contentsOf: piece[..<count])
            var start = 0
            while let newline = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                let entry: JournalEntry
                do {
                    entry = try JournalEntry(line: Array(rest[start..<newline]))
                } catch {
                    // A torn write leaves no line break behind; this is damage, and going on would forget money.
                    throw SimulatorError(operation: "read \(file)", message: "line \(number) is damaged: \(error)")
                }
                replay(entry)
                end += newline + 1 - start
                start = newline + 1
            }
            rest.removeFirst(start)
        }
    }

    private static func createDirectory(_ path: String) throws(SimulatorError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try createDirectory(String(path[..<slash]))
            if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        }
        throw failure("create \(path)")
    }

    private static func syncDirectory(_ path: String) throws(SimulatorError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("make \(path) durable") }
    }

    private static func failure(_ operation: String) -> SimulatorError {
        SimulatorError(operation: operation, message: String(cString: strerror(errno)))
    }
}
