import Crypto

/// AES-256-GCM with a random nonce: a version byte, the nonce (12 bytes), the sealed bytes, the tag (16 bytes).
enum Seal {
    private static let version: UInt8 = 1

    /// - Parameter bound: what the seal belongs to; it is not kept, and must be the same when it is opened.
    static func close(_ bytes: [UInt8], with key: SymmetricKey, bound: String) throws(PersonalDataError) -> [UInt8] {
        do {
            let box = try AES.GCM.seal(bytes, using: key, authenticating: Array(bound.utf8))
            guard let combined = box.combined else { throw unreadable("seal", "the box has no combined form", nil) }
            return [version] + combined
        } catch let error as PersonalDataError {
            throw error
        } catch {
            throw unreadable("seal", "the bytes cannot be sealed", error)
        }
    }

    static func open(_ sealed: [UInt8], with key: SymmetricKey, bound: String) throws(PersonalDataError) -> [UInt8] {
        guard sealed.first == version else { throw unreadable("open a seal", "it is not of a known form", nil) }
        do {
            return Array(try AES.GCM.open(AES.GCM.SealedBox(combined: sealed.dropFirst()), using: key, authenticating: Array(bound.utf8)))
        } catch {
            throw unreadable("open a seal", "it is another's, was changed, or has another key", error)
        }
    }

    private static func unreadable(_ operation: String, _ message: String, _ underlying: (any Error)?) -> PersonalDataError {
        PersonalDataError(.unreadable, operation: operation, message: message, underlying: underlying)
    }
}
