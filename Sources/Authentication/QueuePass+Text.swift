import Crypto
public import Domain

/// Signs queue passes and verifies their text, without any store: HMAC-SHA256 over 56 bytes, base64url.
public struct QueuePassKey: Sendable, CustomStringConvertible {
    private let key: SymmetricKey

    /// - Parameter secret: at least 32 bytes.
    /// - Throws: ``TokenError/weakSecret`` for a shorter one.
    public init(secret: String) throws(TokenError) {
        guard secret.utf8.count >= 32 else { throw .weakSecret }
        key = SymmetricKey(data: Array("queue-pass:\(secret)".utf8))
    }

    public var description: String { "***" }

    /// The text for the `X-Queue-Pass` header, 118 characters.
    public func text(of pass: QueuePass) -> String {
        let bytes = Self.bytes(pass)
        return String(decoding: Base64URL.encode(bytes + HMAC<SHA256>.authenticationCode(for: bytes, using: key)), as: UTF8.self)
    }

    /// The pass behind a text, if it is ours, for this user and event, and not over.
    /// - Parameter text: nil where the header is absent.
    public func pass(_ text: String?, user: UserID, event: EventID, now: Timestamp) throws(QueuePassFault) -> QueuePass {
        guard let text, !text.isEmpty else { throw .missing }
        guard text.utf8.count == 118, let bytes = Base64URL.decode(Array(text.utf8)), bytes.count == 88,
            HMAC<SHA256>.isValidAuthenticationCode(bytes[56...], authenticating: bytes[..<56], using: key)
        else { throw .forged }
        func word(_ index: Int) -> UInt64 { bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        func id<Kind>(_ index: Int) -> Identifier<Kind> { Identifier(UUIDBits(high: word(index), low: word(index + 1))) }
        let pass = QueuePass(entry: id(0), event: id(2), user: id(4), expiresAt: Timestamp(ms: Int64(bitPattern: word(6))))
        guard pass.user == user else { throw .foreign }
        guard pass.event == event else { throw .otherEvent }
        guard now < pass.expiresAt else { throw .expired }
        return pass
    }

    private static func bytes(_ pass: QueuePass) -> [UInt8] {
        let words = [pass.entry.bits, pass.event.bits, pass.user.bits].flatMap { [$0.high, $0.low] } + [UInt64(bitPattern: pass.expiresAt.ms)]
        return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
    }
}
