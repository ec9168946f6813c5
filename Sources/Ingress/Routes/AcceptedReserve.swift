import HTTPTypes
import NIOCore

/// The 202 of a reserve in the bytes that are sent (RFC 9112): it goes out in one write, past the encoder, whose fields and parts were an eighth of
/// the ingress' time for a reserve.
struct AcceptedReserve: Sendable {
    /// Header lines of this answer, each with its line end.
    let lines: [UInt8]
    let body: [UInt8]

    /// Fields as an answer has them; neither names nor values hold line ends, which `HTTPField` refuses.
    static func lines(_ fields: HTTPFields) -> [UInt8] {
        fields.flatMap { "\($0.name.rawName): \($0.value)\r\n".utf8 }
    }

    /// The whole answer.
    func written(_ exchange: Exchange, keepsAlive: Bool, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 768 + lines.count + body.count)
        buffer.writeStaticString(
            "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nRetry-After: 1\r\nCache-Control: private, no-store\r\n")
        buffer.writeBytes(lines)
        exchange.complete(&buffer)
        if !keepsAlive { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("Content-Length: ")
        buffer.writeString(String(body.count))
        buffer.writeStaticString("\r\n\r\n")
        buffer.writeBytes(body)
        return buffer
    }
}
