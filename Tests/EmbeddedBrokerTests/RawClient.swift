import Foundation
import Glibc
import NIOCore
import Testing

@testable import EmbeddedBroker

/// A client that sends one request at a time over a plain socket, and can send what no client would.
final class RawClient {
    private let socket: Int32
    private var nextCorrelation: Int32 = 1

    init(port: Int, timeoutSeconds: Int = 10) throws {
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(socket >= 0)
        var time = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        try #require(status == 0)
    }

    deinit { close(socket) }

    /// Whether the broker closed the connection; looks without waiting.
    var isClosed: Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EINTR
    }

    /// Sends raw bytes.
    func write(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress.map { $0 + done }, bytes.count - done, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return }
            done += count
        }
    }

    /// Sends a frame with its length.
    func write(frame: ByteBuffer) {
        var bytes = ByteBuffer()
        bytes.writeInteger(Int32(frame.readableBytes))
        bytes.writeImmutableBuffer(frame)
        write(Array(bytes.readableBytesView))
    }

    /// Sends a request without waiting for its answer.
    func send(_ api: ApiKey, version: Int16, _ body: (inout WireWriter) -> Void) {
        var writer = WireWriter()
        writer.int32(0)
        writer.int16(api.rawValue)
        writer.int16(version)
        writer.int32(nextCorrelation)
        nextCorrelation += 1
        writer.nullableString("raw")
        if let first = api.firstFlexibleVersion, version >= first { writer.noTags() }
        body(&writer)
        writer.buffer.setInteger(Int32(writer.buffer.readableBytes - 4), at: 0)
        write(Array(writer.buffer.readableBytesView))
    }

    /// The next answer, behind its correlation id; nil when the connection is closed.
    func receive() -> WireReader? {
        guard let head = read(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        guard let body = read(length) else { return nil }
        return WireReader(ByteBuffer(bytes: body.dropFirst(4)))
    }

    /// Sends a request and returns its answer.
    func call(_ api: ApiKey, version: Int16, _ body: (inout WireWriter) -> Void) throws -> WireReader {
        send(api, version: version, body)
        return try #require(receive())
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { recv(socket, $0.baseAddress.map { $0 + done }, count - done, 0) }
            if got <= 0 { return nil }
            done += got
        }
        return bytes
    }

    // MARK: Requests in short

    /// Creates a topic and returns the error.
    func createTopic(_ name: String, partitions: Int32 = 1, overrides: [String: String] = [:]) throws -> ErrorCode? {
        var reader = try call(.createTopics, version: 1) { writer in
            writer.count(1)
            writer.string(name)
            writer.int32(partitions)
            writer.int16(1)
            writer.count(0)
            writer.array(overrides.sorted { $0.key < $1.key }) { writer, entry in
                writer.string(entry.key)
                writer.string(entry.value)
            }
            writer.int32(1_000)
            writer.bool(false)
        }
        _ = try reader.count()
        _ = try reader.string()
        return ErrorCode(rawValue: try reader.int16())
    }

    /// Writes a produce request.
    static func produce(_ batch: ByteBuffer, topic: String, partition: Int32 = 0, acks: Int16 = -1) -> (inout WireWriter) -> Void {
        { writer in
            writer.nullableString(nil)
            writer.int16(acks)
            writer.int32(1_000)
            writer.count(1)
            writer.string(topic)
            writer.count(1)
            writer.int32(partition)
            writer.bytes(Array(batch.readableBytesView))
        }
    }

    /// Reads a produce answer with one part.
    static func produced(_ reader: WireReader) throws -> (error: ErrorCode?, baseOffset: Int64) {
        var reader = reader
        _ = try reader.count()
        _ = try reader.string()
        _ = try reader.count()
        _ = try reader.int32()
        return (ErrorCode(rawValue: try reader.int16()), try reader.int64())
    }

    /// Produces one batch.
    func produce(_ batch: ByteBuffer, topic: String, partition: Int32 = 0) throws -> (error: ErrorCode?, baseOffset: Int64) {
        try Self.produced(try call(.produce, version: 7, Self.produce(batch, topic: topic, partition: partition)))
    }

    /// Writes a fetch request.
    static func fetch(topic: String, partition: Int32 = 0, offset: Int64, maxWaitMs: Int32, minBytes: Int32 = 1, maxBytes: Int32 = 1_000_000) -> (
        inout WireWriter
    ) -> Void {
        { writer in
            writer.int32(-1)
            writer.int32(maxWaitMs)
            writer.int32(minBytes)
            writer.int32(maxBytes)
            writer.int8(0)
            writer.count(1)
            writer.string(topic)
            writer.count(1)
            writer.int32(partition)
            writer.int64(offset)
            writer.int32(maxBytes)
        }
    }

    /// Reads a fetch answer (version 4) with one part.
    static func fetched(_ reader: WireReader) throws -> (error: ErrorCode?, highWatermark: Int64, records: ByteBuffer) {
        var reader = reader
        _ = try reader.int32()
        _ = try reader.count()
        _ = try reader.string()
        _ = try reader.count()
        _ = try reader.int32()
        let error = ErrorCode(rawValue: try reader.int16())
        let highWatermark = try reader.int64()
        _ = try reader.int64()
        _ = try reader.count()
        return (error, highWatermark, try reader.nullableBytes() ?? ByteBuffer())
    }

    /// A new producer id.
    func producerID() throws -> Int64 {
        var reader = try call(.initProducerID, version: 1) { writer in
            writer.nullableString(nil)
            writer.int32(1_000)
        }
        _ = try reader.int32()
        #expect(try reader.int16() == 0)
        return try reader.int64()
    }
}
