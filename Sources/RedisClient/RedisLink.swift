import Glibc

/// One connection: its socket, its parser, and the bytes that wait to be written. Confined to the I/O thread.
struct RedisLink: ~Copyable {
    /// For poll.
    let socket: RedisSocket
    private let reader: ReplyReader
    private var output: [UInt8] = []
    private var outputStart = 0
    /// Bytes given to ``enqueue(_:)`` since the link was made: the position where the next command begins.
    private(set) var enqueued = 0

    /// Takes the socket over.
    init(socket: consuming RedisSocket) throws(RedisFailure) {
        guard let reader = ReplyReader() else { throw RedisFailure(code: .system, message: "no memory for the reply parser") }
        self.socket = socket
        self.reader = reader
    }

    /// Bytes that the kernel has not taken.
    var unwritten: Int { output.count - outputStart }
    /// Bytes that the kernel has taken since the link was made.
    var written: Int { enqueued - unwritten }

    /// Queues bytes; when nothing else waits, the storage is exchanged rather than copied.
    mutating func enqueue(_ bytes: inout [UInt8]) {
        enqueued += bytes.count
        if output.isEmpty {
            swap(&output, &bytes)
        } else {
            output.append(contentsOf: bytes)
        }
    }

    /// Writes until the kernel takes no more.
    mutating func flush() throws(RedisFailure) {
        while unwritten > 0 {
            // `withUnsafeBytes` does not pass typed errors on, hence the Result.
            let start = outputStart
            let result = output.withUnsafeBytes { bytes -> Result<Int, RedisFailure> in
                do throws(RedisFailure) {
                    return .success(try socket.send(UnsafeRawBufferPointer(rebasing: bytes[start...])))
                } catch {
                    return .failure(error)
                }
            }
            let count = try result.get()
            guard count > 0 else { break }
            outputStart += count
        }
        if unwritten == 0 {
            output.removeAll(keepingCapacity: output.capacity <= RedisOutgoing.keptBytes)
            outputStart = 0
        } else if outputStart > RedisOutgoing.keptBytes {
            output.removeFirst(outputStart)
            outputStart = 0
        }
    }

    /// Reads once and gives the bytes to the parser.
    mutating func receive(into buffer: UnsafeMutableRawBufferPointer) throws(RedisFailure) -> RedisSocket.Received {
        let received = socket.receive(into: buffer)
        if case .bytes(let count) = received { try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
        return received
    }

    /// The next complete reply.
    mutating func nextReply() throws(RedisFailure) -> RedisReply? {
        try reader.next()
    }
}
