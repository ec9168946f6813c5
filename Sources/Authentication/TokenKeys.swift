public import Domain
import JWTKit

/// Signs and verifies access tokens: HS256 by jwt-kit, one key that signs and, while keys are rotated, the one before it.
///
/// The token's JSON is read by ``JSONReader`` and jwt-kit's algorithm is called directly: its collection is an actor, and its parser decodes twice.
public struct TokenKeys: Sendable {
    /// A secret and the `kid` under which it is known.
    public struct Key: Sendable, CustomStringConvertible {
        public let id: String
        let secret: String

        /// - Parameter secret: at least 32 bytes (RFC 7518, section 3.2).
        /// - Throws: ``TokenError/weakSecret`` for a shorter one.
        public init(id: String, secret: String) throws(TokenError) {
            guard secret.utf8.count >= 32 else { throw .weakSecret }
            self.id = id
            self.secret = secret
        }

        public var description: String { "\(id) ***" }
    }

    /// What the first part of our own tokens looks like; nearly all that come have it, and need not be read again to find their key.
    private let signingHeader: [UInt8]
    private let signing: any JWTAlgorithm
    private let algorithms: [String: any JWTAlgorithm]

    /// - Parameters:
    ///   - current: signs, and verifies what names it.
    ///   - previous: verifies what it signed before.
    public init(current: Key, previous: Key? = nil) async throws {
        var algorithms: [String: any JWTAlgorithm] = [:]
        for key in [current, previous].compactMap({ $0 }) {
            let collection = await JWTKeyCollection().add(hmac: HMACKey(from: key.secret), digestAlgorithm: .sha256)
            algorithms[key.id] = try await collection.getKey()
        }
        guard let signing = algorithms[current.id] else { throw TokenError.weakSecret }
        self.signing = signing
        self.algorithms = algorithms
        var header = JSONWriter(reserving: 64)
        header.object {
            $0.member("alg", "HS256")
            $0.member("typ", "JWT")
            $0.member("kid", current.id)
        }
        signingHeader = Base64URL.encode(header.bytes)
    }

    /// The compact form of a token, signed.
    public func sign(_ token: AccessToken) throws -> String {
        var text = signingHeader + [Self.dot] + Base64URL.encode(token.payload)
        let signature = try signing.sign(text)
        text.append(Self.dot)
        text.append(contentsOf: Base64URL.encode(signature))
        return String(decoding: text, as: UTF8.self)
    }

    /// Checks signature, algorithm and time.
    /// - Throws: ``TokenError``, which says no more than an honest client needs.
    public func verify(_ text: some Collection<UInt8>, now: Timestamp) throws(TokenError) -> AccessToken {
        let bytes = Array(text)
        guard let first = bytes.firstIndex(of: Self.dot), let last = bytes.lastIndex(of: Self.dot), first < last else { throw .malformed }
        guard let algorithm = bytes[..<first].elementsEqual(signingHeader) ? signing : algorithm(header: bytes[..<first]),
            let signature = Base64URL.decode(bytes[(last + 1)...])
        else { throw .malformed }
        guard (try? algorithm.verify(signature, signs: bytes[..<last])) == true else { throw .badSignature }
        guard let payload = Base64URL.decode(bytes[(first + 1)..<last]), let token = AccessToken(payload: payload) else { throw .malformed }
        guard now < token.expiresAt else { throw .expired }
        return token
    }

    private func algorithm(header: ArraySlice<UInt8>) -> (any JWTAlgorithm)? {
        guard let header = Base64URL.decode(header) else { return nil }
        var id: String?
        var name: String?
        var reader = JSONReader(header)
        do {
            try reader.object { (key, value) throws(JSONError) in
                switch key {
                case "kid": id = try value.string()
                case "alg": name = try value.string()
                default: try value.skip()
                }
            }
        } catch {
            return nil
        }
        // "none" and asymmetric names never reach a key: the algorithm is ours, not the token's.
        guard name == "HS256", let id else { return nil }
        return algorithms[id]
    }

    private static let dot = UInt8(ascii: ".")
}

/// Why a token, or a key for tokens, is not taken.
public enum TokenError: Error, Equatable {
    case malformed
    case badSignature
    case expired
    /// A secret of fewer than 32 bytes.
    case weakSecret
}
