/// The parameters of one statement as libpq wants them: all values in one buffer, and where each begins.
struct PostgresParameters {
    private var encoder = PostgresTextEncoder()
    /// Where each value begins; -1 is NULL.
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// Parameters.
    var count: Int { offsets.count }

    /// Encodes the values, on the calling thread.
    /// - Throws: ``PostgresError`` with code `invalidParameter`.
    init(_ values: [PostgresValue], operation: String) throws(PostgresError) {
        guard values.count <= Self.maximumCount else {
            throw PostgresError(code: .invalidParameter, operation: operation, message: "more than \(Self.maximumCount) parameters")
        }
        offsets.reserveCapacity(values.count)
        lengths.reserveCapacity(values.count)
        formats.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            let start = encoder.bytes.count
            var format: Int32 = 0
            switch value {
            case .null: break
            case .bytes(let bytes):
                // bytea's binary form is the bytes themselves: half the size of the text form.
                encoder.bytes.append(contentsOf: bytes)
                format = 1
            default:
                guard encoder.append(value) else {
                    throw PostgresError(code: .invalidParameter, operation: operation, message: "parameter $\(index + 1) holds a NUL character")
                }
            }
            offsets.append(value == .null ? -1 : start)
            lengths.append(Int32(clamping: encoder.bytes.count - start))
            formats.append(format)
            // libpq takes a text up to its NUL.
            encoder.bytes.append(0)
        }
    }

    /// Lends the arrays for one libpq call.
    func withPointers<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Value
    ) -> Value {
        encoder.bytes.withUnsafeBytes { bytes in
            let base = bytes.bindMemory(to: CChar.self).baseAddress
            let values = offsets.map { offset -> UnsafePointer<CChar>? in offset < 0 ? nil : base?.advanced(by: offset) }
            return values.withUnsafeBufferPointer { values in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in body(values.baseAddress, lengths.baseAddress, formats.baseAddress) }
                }
            }
        }
    }

    /// The protocol counts parameters in 16 bits.
    private static let maximumCount = 65_535
}
