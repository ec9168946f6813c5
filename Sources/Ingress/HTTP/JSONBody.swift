import Crypto
import Domain
import HTTPTypes
import Hummingbird
import NIOCore

/// Reads JSON bodies.
enum JSONBody {
    /// SPEC, section 2.
    static let largest = 64 * 1024

    /// The body's bytes.
    /// - Throws: 415 for another content type, 413 beyond the limit.
    static func read(_ request: Request, isRequired: Bool = true) async throws -> [UInt8] {
        let length = request.headers[.contentLength].flatMap(Int.init) ?? 0
        try check(contentType: request.headers[.contentType], length: length, isRequired: isRequired)
        do {
            let buffer = try await request.body.collect(upTo: largest)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
    }

    /// What the headers tell of the body.
    /// - Throws: 415 for another content type, 413 beyond the limit.
    /// - Parameter length: as announced, 0 where it is not.
    static func check(contentType: String?, length: Int, isRequired: Bool) throws(APIError) {
        if isRequired || length > 0 {
            // The usual spelling is told at once; the others are few.
            guard
                contentType == "application/json"
                    || contentType?.prefix(while: { $0 != ";" }).lowercased().filter({ $0 != " " }) == "application/json"
            else {
                throw APIError(.unsupportedMediaType, "The body must be JSON.", field: "Content-Type", reason: "must be application/json")
            }
        }
        if length > largest { throw tooLarge }
    }

    static let tooLarge = APIError(
        .payloadTooLarge, "The body is larger than 64 KiB.", field: "body", reason: "must be at most \(largest) bytes")

    /// See ``Booking/bodyHash``.
    static func hash(_ body: [UInt8]) -> String {
        let digest = SHA256.hash(data: body)
        return String(unsafeUninitializedCapacity: 32) { buffer in
            for (index, byte) in digest.prefix(16).enumerated() {
                buffer[2 * index] = digits[Int(byte >> 4)]
                buffer[2 * index + 1] = digits[Int(byte & 15)]
            }
            return 32
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)
}

/// Reads the `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).
enum IdempotencyKey {
    /// - Throws: 400 for a key that is too long or not printable ASCII; it becomes part of a Redis key.
    static func check(_ key: String?) throws(APIError) -> String? {
        guard let key else { return nil }
        guard !key.isEmpty, key.utf8.count <= 255, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw APIError(
                .validation, "The request is not valid.", field: "Idempotency-Key",
                reason: "must be 1 to 255 printable ASCII characters without spaces")
        }
        return key
    }

    /// The same where a key is required.
    static func require(_ key: String?) throws(APIError) -> String {
        guard let key = try check(key) else {
            throw APIError(.validation, "The Idempotency-Key header is required.", field: "Idempotency-Key", reason: "is required")
        }
        return key
    }
}
