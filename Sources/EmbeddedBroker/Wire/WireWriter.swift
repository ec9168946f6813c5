import NIOCore

/// Writes the fields of one Kafka response into a buffer.
struct WireWriter {
    /// What was written so far.
    var buffer: ByteBuffer

    init(capacity: Int = 256, allocator: ByteBufferAllocator = ByteBufferAllocator()) {
        buffer = allocator.buffer(capacity: capacity)
    }

    /// Writes into `buffer`, which must be empty.
    init(buffer: consuming ByteBuffer) {
        self.buffer = buffer
    }

    mutating func int8(_ value: Int8) { buffer.writeInteger(value) }
    mutating func int16(_ value: Int16) { buffer.writeInteger(value) }
    mutating func int32(_ value: Int32) { buffer.writeInteger(value) }
    mutating func int64(_ value: Int64) { buffer.writeInteger(value) }
    mutating func bool(_ value: Bool) { buffer.writeInteger(value ? UInt8(1) : 0) }
    mutating func error(_ code: ErrorCode) { buffer.writeInteger(code.rawValue) }

    /// A throttle time of zero: this broker has no quotas.
    mutating func noThrottle() { int32(0) }

    /// A string with a 16-bit length; longer ones are cut, which only our own messages could be.
    mutating func string(_ value: String) {
        let text = value.utf8
        guard text.count <= Int(Int16.max) else { return string(String(value.prefix(1_000))) }
        int16(Int16(text.count))
        buffer.writeString(value)
    }

    /// A string with a 16-bit length; nil is -1.
    mutating func nullableString(_ value: String?) {
        guard let value else { return int16(-1) }
        string(value)
    }

    /// Bytes with a 32-bit length.
    mutating func bytes(_ value: [UInt8]) {
        int32(Int32(value.count))
        buffer.writeBytes(value)
    }

    /// A string with a compact length; nil is 0.
    mutating func compactNullableString(_ value: String?) {
        guard let value else { return varint(0) }
        varint(UInt32(value.utf8.count) + 1)
        buffer.writeString(value)
    }

    /// The number of elements of an array, in the encoding that `compact` says.
    mutating func count(_ value: Int, compact: Bool = false) {
        if compact { varint(UInt32(value) + 1) } else { int32(Int32(value)) }
    }

    /// An array, each element written by `element`.
    mutating func array<Elements: Collection>(_ elements: Elements, compact: Bool = false, _ element: (inout WireWriter, Elements.Element) -> Void) {
        count(elements.count, compact: compact)
        for value in elements { element(&self, value) }
    }

    /// An empty tag section. Never a filled one: librdkafka before 2.2.0 loses its place on any tag (confluentinc/librdkafka#4278).
    mutating func noTags() { buffer.writeInteger(UInt8(0)) }

    /// An unsigned varint.
    mutating func varint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }
}
