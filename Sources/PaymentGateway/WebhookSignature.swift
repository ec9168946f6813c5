import Crypto

/// Stripe's signature of a webhook: `Stripe-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, several `v1` while a secret is rotated.
public enum WebhookSignature {
    /// Longest header that is looked at, in bytes.
    static let maxHeaderBytes = 2_048
    /// Signatures in one header that are looked at.
    static let maxSignatures = 8

    /// Whether one of the header's signatures was made with one of our secrets over exactly this body, and not longer ago (or ahead) than `tolerance`.
    /// - Parameters:
    ///   - body: the bytes as received.
    ///   - secrets: the current one and, during a rotation, the one before; empty ones are passed over.
    ///   - tolerance: in seconds.
    public static func verify(header: String, body: [UInt8], secrets: [String], nowSeconds: Int64, tolerance: Int64 = 300) -> Bool {
        guard header.utf8.count <= maxHeaderBytes else { return false }
        var time: Substring?
        var signatures: [[UInt8]] = []
        for part in header.split(separator: ",") {
            let text = part.drop { $0 == " " }
            if text.hasPrefix("t="), time == nil {
                time = text.dropFirst(2)
            } else if text.hasPrefix("v1="), signatures.count < maxSignatures, let signature = bytes(hex: text.dropFirst(3)) {
                signatures.append(signature)
            }
        }
        guard let time, let seconds = Int64(time), !signatures.isEmpty else { return false }
        let (age, overflow) = nowSeconds.subtractingReportingOverflow(seconds)
        guard !overflow, age >= -tolerance, age <= tolerance else { return false }
        let message = Array(time.utf8) + [UInt8(ascii: ".")] + body
        for secret in secrets where !secret.isEmpty {
            let key = SymmetricKey(data: Array(secret.utf8))
            // `isValidAuthenticationCode` compares in constant time.
            if signatures.contains(where: { HMAC<SHA256>.isValidAuthenticationCode($0, authenticating: message, using: key) }) { return true }
        }
        return false
    }

    /// The header for a body, as the gateway makes it.
    public static func header(body: [UInt8], secret: String, nowSeconds: Int64) -> String {
        let message = Array("\(nowSeconds).".utf8) + body
        let code = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: Array(secret.utf8)))
        return "t=\(nowSeconds),v1=" + code.map { hexDigits[Int($0 >> 4)] + hexDigits[Int($0 & 15)] }.joined()
    }

    private static let hexDigits = "0123456789abcdef".map(String.init)

    private static func bytes(hex: Substring) -> [UInt8]? {
        guard hex.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in hex {
            guard let digit = character.hexDigitValue, character.isASCII else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        return bytes
    }
}
