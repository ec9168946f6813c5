import NIOCore

/// Cuts a stream of bytes into Kafka's frames: a 32-bit length, then that many bytes.
struct FrameSplitter {
    /// Room made at once for a frame of which little has come; more follows as it comes.
    private static let firstReservation = 1_024 * 1_024

    private var buffer = ByteBuffer()
    private let maxFrameBytes: Int

    init(maxFrameBytes: Int = BrokerLimits.maxFrameBytes) {
        self.maxFrameBytes = maxFrameBytes
    }

    /// Bytes held of frames that are not complete, or not asked for yet.
    var heldBytes: Int { buffer.readableBytes }
    /// Bytes of memory that these take.
    var capacity: Int { buffer.readableBytes == 0 ? 0 : buffer.capacity }

    /// Takes bytes in.
    mutating func feed(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole frame without its length, or nil until more comes.
    /// - Throws: for a length that no request has.
    mutating func next() throws(BrokerError) -> ByteBuffer? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: Int32.self).map(Int.init) else {
            if buffer.readableBytes == 0 { buffer = ByteBuffer() } else { detach(reserving: 4) }
            return nil
        }
        guard length >= 8, length <= maxFrameBytes else {
            throw BrokerError(.malformedRequest, operation: "read a frame", message: "a frame of \(length) bytes")
        }
        guard buffer.readableBytes >= 4 + length else {
            detach(reserving: min(4 + length, Self.firstReservation))
            return nil
        }
        buffer.moveReaderIndex(forwardBy: 4)
        return buffer.readSlice(length: length)
    }

    /// Moves the beginning of a frame to a buffer of its own, so that what follows is appended in place and earlier frames do not share it.
    private mutating func detach(reserving count: Int) {
        guard buffer.readerIndex > 0 || buffer.capacity < count else { return }
        var own = ByteBufferAllocator().buffer(capacity: max(count, buffer.readableBytes))
        own.writeImmutableBuffer(buffer)
        buffer = own
    }
}
