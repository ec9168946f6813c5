import Crypto
public import Domain

/// The installation's master key for personal data, and what is made of it: the seal on each person's own key, and the blind index.
///
/// A person's data are sealed (AES-256-GCM) with a key of their own. That key is kept sealed under the master key, beside the data: who deletes it
/// forgets the person, in every copy and backup of the data too.
public struct PersonalDataKeys: Sendable, CustomStringConvertible {
    /// Shortest master key, in bytes.
    public static let shortestMasterKey = 32

    private let sealing: SymmetricKey
    private let indexing: SymmetricKey

    /// - Parameter masterKey: a secret text, `PII_KEY`.
    /// - Throws: ``PersonalDataError/Code/weakKey`` for fewer than 32 bytes.
    public init(masterKey: String) throws(PersonalDataError) {
        guard masterKey.utf8.count >= Self.shortestMasterKey else {
            throw PersonalDataError(.weakKey, operation: "read the master key", message: "it must have at least \(Self.shortestMasterKey) bytes")
        }
        let master = SymmetricKey(data: Array(masterKey.utf8))
        func derived(_ purpose: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(inputKeyMaterial: master, info: Array("booking-rush \(purpose) 1".utf8), outputByteCount: 32)
        }
        sealing = derived("person key")
        indexing = derived("blind index")
    }

    public var description: String { "PersonalDataKeys ***" }

    /// A new key for a person.
    /// - Returns: the key, and how it is kept.
    public func makeKey(of user: UserID) throws(PersonalDataError) -> (key: PersonKey, sealed: [UInt8]) {
        let key = SymmetricKey(size: .bits256)
        let sealed = try Seal.close(key.withUnsafeBytes { Array($0) }, with: sealing, bound: "key/\(user)")
        return (PersonKey(user: user, key: key), sealed)
    }

    /// Opens a person's key.
    /// - Throws: ``PersonalDataError/Code/unreadable`` when it is another person's, changed, or sealed under another master key.
    public func openKey(_ sealed: [UInt8], of user: UserID) throws(PersonalDataError) -> PersonKey {
        PersonKey(user: user, key: SymmetricKey(data: try Seal.open(sealed, with: sealing, bound: "key/\(user)")))
    }

    /// What an address is found by without being readable: HMAC-SHA256 of its normal form (no blanks around it, small letters), 32 bytes.
    public func index(ofEmail email: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array("email/\(Self.normal(email))".utf8), using: indexing))
    }

    private static func normal(_ email: String) -> String {
        var text = email[...]
        while text.first?.isWhitespace ?? false { text.removeFirst() }
        while text.last?.isWhitespace ?? false { text.removeLast() }
        return text.lowercased()
    }
}

/// One person's own key.
public struct PersonKey: Sendable, CustomStringConvertible {
    /// Whose it is.
    public let user: UserID
    private let key: SymmetricKey

    init(user: UserID, key: SymmetricKey) {
        self.user = user
        self.key = key
    }

    public var description: String { "PersonKey ***" }

    /// Seals one field. The field's name is bound to it, so that none can be put in the place of another, or of another person's.
    public func seal(_ text: String, as field: PersonalField) throws(PersonalDataError) -> [UInt8] {
        try Seal.close(Array(text.utf8), with: key, bound: "\(field.rawValue)/\(user)")
    }

    /// Opens what ``seal(_:as:)`` closed.
    /// - Throws: ``PersonalDataError/Code/unreadable``.
    public func open(_ sealed: [UInt8], as field: PersonalField) throws(PersonalDataError) -> String {
        String(decoding: try Seal.open(sealed, with: key, bound: "\(field.rawValue)/\(user)"), as: UTF8.self)
    }
}

/// What of a person is sealed.
public enum PersonalField: String, Sendable, CaseIterable {
    case email
    case name
    /// E.164, `+66812345678`.
    case phone
    /// The URL that takes the person's push messages.
    case pushEndpoint = "push_endpoint"
}
