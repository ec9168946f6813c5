import CCrc32c
import NIOCore

/// CRC-32C (Castagnoli), the checksum of record batches and of this broker's own state log.
enum Crc32c {
    /// The checksum of `bytes`.
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        ccrc32c(0, bytes.baseAddress, bytes.count)
    }

    /// The checksum of the readable bytes of `buffer`.
    static func of(_ buffer: ByteBuffer) -> UInt32 {
        buffer.withUnsafeReadableBytes { of($0) }
    }
}
