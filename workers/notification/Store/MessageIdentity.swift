import Crypto

/// What makes a mail one of a kind: it follows from what the mail is about, so a mail that goes twice is recognised as one.
struct MessageIdentity: Sendable {
    /// The right side of the ids: the domain of the sender's address.
    let domain: String

    /// `<hash of entity, template and version>@domain`, without the angle brackets.
    func id(entity: String, template: String, version: Int64) -> String {
        let digest = SHA256.hash(data: Array("\(entity)/\(template)/\(version)".utf8))
        return digest.prefix(20).map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined() + "@" + domain
    }
}
