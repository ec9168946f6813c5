import Authentication
import Domain
import Foundation
import JWTKit
import Testing

@Suite struct TokenKeysTests {
    private static let now = Timestamp(ms: 1_795_229_118_000)
    private static let secret = "a secret of at least thirty-two bytes"

    private func keys(_ id: String = "1", _ secret: String = secret, previous: TokenKeys.Key? = nil) async throws -> TokenKeys {
        try await TokenKeys(current: .init(id: id, secret: secret), previous: previous)
    }

    private func token(expiresIn seconds: Int64 = 900) throws -> AccessToken {
        AccessToken(
            user: try #require(UserID("471ecd7a-d329-881a-8f2a-40e2dcdf1c41")), role: .organizer,
            tenant: TenantID("5a6fcac3-0d37-8d9f-b4ed-173ba3276011"), age: 30, issuedAt: Self.now,
            expiresAt: Timestamp(ms: Self.now.ms + seconds * 1000))
    }

    @Test func verifiesWhatItSigned() async throws {
        let keys = try await keys()
        let token = try token()
        #expect(try keys.verify(try keys.sign(token).utf8, now: Self.now) == token)
    }

    @Test func jwtKitVerifiesItToo() async throws {
        struct Payload: JWTPayload {
            var sub: String
            var exp: ExpirationClaim
            func verify(using _: some JWTAlgorithm) throws {}
        }
        let text = try await keys().sign(try token())
        let collection = await JWTKeyCollection().add(hmac: HMACKey(from: Self.secret), digestAlgorithm: .sha256, kid: "1")
        #expect(try await collection.verify(text, as: Payload.self).sub == "471ecd7a-d329-881a-8f2a-40e2dcdf1c41")
    }

    @Test func refusesAnExpiredToken() async throws {
        let keys = try await keys()
        let text = try keys.sign(try token(expiresIn: 10))
        #expect(throws: TokenError.expired) { try keys.verify(text.utf8, now: Timestamp(ms: Self.now.ms + 10_000)) }
    }

    @Test func refusesAnotherKeysSignature() async throws {
        let text = try await keys("1", "another secret, also of thirty-two bytes").sign(try token())
        let ours = try await keys()
        #expect(throws: TokenError.badSignature) { try ours.verify(text.utf8, now: Self.now) }
    }

    @Test func takesThePreviousKeyDuringRotation() async throws {
        let old = try TokenKeys.Key(id: "1", secret: Self.secret)
        let text = try await TokenKeys(current: old).sign(try token())
        let rotated = try await keys("2", "a new secret of at least thirty-two bytes", previous: old)
        let expected = try token()
        #expect(try rotated.verify(text.utf8, now: Self.now) == expected)
        let after = try await keys("2", "a new secret of at least thirty-two bytes")
        #expect(throws: TokenError.malformed) { try after.verify(text.utf8, now: Self.now) }
    }

    @Test func refusesTheAlgorithmNone() async throws {
        let keys = try await keys()
        let signed = try keys.sign(try token()).split(separator: ".")
        let header = Data(#"{"alg":"none","kid":"1"}"#.utf8).base64EncodedString().replacingOccurrences(of: "=", with: "")
        for text in ["\(header).\(signed[1]).", "\(header).\(signed[1]).\(signed[2])"] {
            #expect(throws: TokenError.malformed) { try keys.verify(text.utf8, now: Self.now) }
        }
    }

    @Test func refusesAnyChangedByte() async throws {
        let keys = try await keys()
        let token = try token()
        let text = Array(try keys.sign(token).utf8)
        for index in text.indices {
            var changed = text
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            // The last character of a part may carry bits that no byte uses; then the token is the same.
            if let verified = try? keys.verify(changed, now: Self.now) { #expect(verified == token) }
        }
    }

    @Test(arguments: ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "é.é.é"])
    func refusesWhatIsNoToken(_ text: String) async throws {
        let keys = try await keys()
        #expect(throws: TokenError.malformed) { try keys.verify(text.utf8, now: Self.now) }
    }

    @Test func refusesAWeakSecret() {
        #expect(throws: TokenError.weakSecret) { try TokenKeys.Key(id: "1", secret: "short") }
    }
}
