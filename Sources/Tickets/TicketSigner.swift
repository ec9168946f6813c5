import Crypto
public import Domain

/// Signs the codes of tickets and the links to them, and checks both without asking anybody: HMAC-SHA256.
///
/// A code is `BR1` and, in base 32, the booking, the place, the event, the show and the first 128 bits of the signature (RFC 2104, section 5): 107
/// characters, a QR code of 37 modules.
public struct TicketSigner: Sendable, CustomStringConvertible {
    /// Shortest secret, in bytes.
    public static let shortestSecret = 32

    private static let prefix = "BR1"
    private static let signedBytes = 49
    private static let signatureBytes = 16

    private let keys: [SymmetricKey]

    /// - Parameter secrets: the first signs; all verify, so that a secret is changed without making tickets worthless.
    /// - Throws: ``TicketError/Code/weakSecret`` for none, or one of fewer than 32 bytes.
    public init(secrets: [String]) throws(TicketError) {
        guard !secrets.isEmpty, secrets.allSatisfy({ $0.utf8.count >= Self.shortestSecret }) else {
            throw TicketError(.weakSecret, operation: "make a signer", message: "each secret must have at least \(Self.shortestSecret) bytes")
        }
        keys = secrets.map { SymmetricKey(data: Array($0.utf8)) }
    }

    public var description: String { "TicketSigner ***" }

    // MARK: Codes

    /// The text of a ticket's QR code.
    public func code(of ticket: Ticket) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.signedBytes + Self.signatureBytes)
        Self.append(ticket.booking.bits, to: &bytes)
        bytes.append(UInt8(clamping: ticket.place))
        Self.append(ticket.event.bits, to: &bytes)
        Self.append(ticket.show.bits, to: &bytes)
        return Self.prefix + Base32.encode(bytes + signature(bytes, purpose: "ticket", keys[0]))
    }

    /// What a code says, once it is known to be ours. Spaces around it and small letters do not matter.
    /// - Throws: ``TicketError/Code/malformed`` or ``TicketError/Code/badSignature``.
    public func ticket(of code: String) throws(TicketError) -> Ticket {
        let text = code.utf8.count <= 256 ? code.filter { !$0.isWhitespace } : ""
        guard text.prefix(Self.prefix.count).uppercased() == Self.prefix, let bytes = Base32.decode(text.dropFirst(Self.prefix.count)),
            bytes.count == Self.signedBytes + Self.signatureBytes
        else { throw TicketError(.malformed, operation: "read a code", message: "it is not the code of a ticket") }
        try check(bytes[Self.signedBytes...], of: bytes[..<Self.signedBytes], purpose: "ticket", operation: "read a code")
        return Ticket(
            booking: BookingID(Self.bits(bytes[0...])), event: EventID(Self.bits(bytes[17...])), show: ShowID(Self.bits(bytes[33...])),
            place: Int(bytes[16]))
    }

    // MARK: Links

    /// The path and query of a booking's ticket that opens without signing in, for a mail; who has it sees the codes, as who has the mail does.
    /// - Parameter expires: when it ends to work; a day after the show is a good time.
    public func link(to booking: BookingID, expires: Timestamp) -> String {
        let seconds = expires.ms / 1000
        let signature = signature(Self.linked(booking, seconds), purpose: "link", keys[0])
        return "/api/v1/bookings/\(booking)/ticket?format=html&expires=\(seconds)&signature=\(Base32.encode(signature))"
    }

    /// Checks the `expires` and `signature` of a link.
    /// - Throws: ``TicketError/Code/malformed``, ``TicketError/Code/badSignature`` or ``TicketError/Code/expired``.
    public func check(link booking: BookingID, expires: String, signature: String, now: Timestamp) throws(TicketError) {
        guard let seconds = Int64(expires), seconds >= 0, seconds < 1 << 40, let bytes = Base32.decode(signature.prefix(64)) else {
            throw TicketError(.malformed, operation: "check a link", message: "it is not whole")
        }
        try check(bytes[...], of: Self.linked(booking, seconds)[...], purpose: "link", operation: "check a link")
        guard now.ms < seconds * 1000 else { throw TicketError(.expired, operation: "check a link", message: "its time is over") }
    }

    private static func linked(_ booking: BookingID, _ seconds: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        append(booking.bits, to: &bytes)
        withUnsafeBytes(of: seconds.bigEndian) { bytes += $0 }
        return bytes
    }

    // MARK: Signatures

    /// - Parameter purpose: goes before what is signed, so that no signature serves for something else.
    private func signature(_ bytes: some Sequence<UInt8>, purpose: String, _ key: SymmetricKey) -> [UInt8] {
        let signed = Array("booking-rush \(purpose) 1\n".utf8) + bytes
        return Array(HMAC<SHA256>.authenticationCode(for: signed, using: key).prefix(Self.signatureBytes))
    }

    private func check(
        _ given: ArraySlice<UInt8>, of bytes: ArraySlice<UInt8>, purpose: String, operation: String
    ) throws(TicketError) {
        // In constant time: how much of a guess was right must not show.
        let isOurs = keys.contains { key in
            let own = signature(bytes, purpose: purpose, key)
            return own.count == given.count && zip(own, given).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
        }
        guard isOurs else { throw TicketError(.badSignature, operation: operation, message: "the signature does not match") }
    }

    private static func append(_ bits: UUIDBits, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: bits.high.bigEndian) { bytes += $0 }
        withUnsafeBytes(of: bits.low.bigEndian) { bytes += $0 }
    }

    private static func bits(_ bytes: ArraySlice<UInt8>) -> UUIDBits {
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return UUIDBits(high: word(bytes.prefix(8)), low: word(bytes.dropFirst(8).prefix(8)))
    }
}
