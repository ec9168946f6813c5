import NIOCore

/// Reads the fields of one Kafka request, in order, from its bytes.
///
/// Every length is checked against the bytes that are there, so a frame that lies is an error and never an allocation.
struct WireReader {
    private var buffer: ByteBuffer
    /// Array elements that this request may still announce.
    private var elementsLeft = BrokerLimits.maxRequestElements

    init(_ buffer: ByteBuffer) {
        self.buffer = buffer
    }

    /// Reads what the broker itself wrote, however long its arrays are.
    init(trusted buffer: ByteBuffer) {
        self.buffer = buffer
        elementsLeft = .max
    }

    /// Bytes not read yet.
    var remaining: Int { buffer.readableBytes }

    mutating func int8() throws(BrokerError) -> Int8 { try integer() }
    mutating func int16() throws(BrokerError) -> Int16 { try integer() }
    mutating func int32() throws(BrokerError) -> Int32 { try integer() }
    mutating func int64() throws(BrokerError) -> Int64 { try integer() }

    /// A byte that is 0 or not.
    mutating func bool() throws(BrokerError) -> Bool { try int8() != 0 }

    /// A string with a 16-bit length; -1 is nil.
    mutating func nullableString() throws(BrokerError) -> String? {
        let length = Int(try int16())
        if length == -1 { return nil }
        return try text(length)
    }

    /// A string with a 16-bit length; null is an error.
    mutating func string() throws(BrokerError) -> String {
        guard let value = try nullableString() else { throw malformed("null where a string must be") }
        return value
    }

    /// Bytes with a 32-bit length, sharing the frame's storage; -1 is nil.
    mutating func nullableBytes() throws(BrokerError) -> ByteBuffer? {
        let length = Int(try int32())
        if length == -1 { return nil }
        guard length >= 0, let slice = buffer.readSlice(length: length) else { throw malformed("\(length) bytes announced, \(remaining) there") }
        return slice
    }

    /// Bytes with a 32-bit length, copied out of the frame; null reads as empty.
    mutating func bytes() throws(BrokerError) -> [UInt8] {
        guard var slice = try nullableBytes() else { return [] }
        return slice.readBytes(length: slice.readableBytes) ?? []
    }

    /// A string with a compact length (KIP-482): an unsigned varint of length + 1; 0 is nil.
    mutating func compactNullableString() throws(BrokerError) -> String? {
        let length = try varint()
        if length == 0 { return nil }
        return try text(Int(length) - 1)
    }

    /// A string with a compact length; null is an error.
    mutating func compactString() throws(BrokerError) -> String {
        guard let value = try compactNullableString() else { throw malformed("null where a string must be") }
        return value
    }

    /// The number of elements of an array, or nil for a null one. It is at most the number of bytes left.
    mutating func nullableCount(compact: Bool = false) throws(BrokerError) -> Int? {
        let count = compact ? Int(try varint()) - 1 : Int(try int32())
        if count == -1 { return nil }
        guard count >= 0, count <= remaining else { throw malformed("an array of \(count) elements in \(remaining) bytes") }
        // A byte on the wire is many in memory, and more in the answer.
        elementsLeft -= count
        guard elementsLeft >= 0 else { throw malformed("more than \(BrokerLimits.maxRequestElements) elements") }
        return count
    }

    /// The number of elements of an array; null counts as none.
    mutating func count(compact: Bool = false) throws(BrokerError) -> Int {
        try nullableCount(compact: compact) ?? 0
    }

    /// An array whose elements `element` reads; null reads as empty.
    mutating func array<Element>(
        compact: Bool = false, _ element: (inout WireReader) throws(BrokerError) -> Element
    ) throws(BrokerError) -> [Element] {
        let count = try count(compact: compact)
        var elements: [Element] = []
        elements.reserveCapacity(min(count, 1_024))
        for _ in 0..<count { elements.append(try element(&self)) }
        return elements
    }

    /// Skips a tag section (KIP-482).
    mutating func tags() throws(BrokerError) {
        let count = try varint()
        guard Int(count) <= remaining else { throw malformed("\(count) tags in \(remaining) bytes") }
        for _ in 0..<count {
            _ = try varint()
            let length = Int(try varint())
            guard length <= remaining else { throw malformed("a tag of \(length) bytes in \(remaining)") }
            buffer.moveReaderIndex(forwardBy: length)
        }
    }

    /// An unsigned varint of at most 32 bits.
    mutating func varint() throws(BrokerError) -> UInt32 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            let byte = UInt8(bitPattern: try int8())
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                guard let result = UInt32(exactly: value) else { break }
                return result
            }
        }
        throw malformed("a varint of more than 32 bits")
    }

    private mutating func integer<T: FixedWidthInteger>() throws(BrokerError) -> T {
        guard let value = buffer.readInteger(as: T.self) else { throw malformed("the request ends in the middle of a field") }
        return value
    }

    private mutating func text(_ length: Int) throws(BrokerError) -> String {
        guard length >= 0, let value = buffer.readString(length: length) else { throw malformed("a string of \(length) bytes in \(remaining)") }
        return value
    }

    private func malformed(_ message: String) -> BrokerError {
        BrokerError(.malformedRequest, operation: "decode", message: message)
    }
}
