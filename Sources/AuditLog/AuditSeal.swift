import Crypto
public import Settings

/// Makes the hashes of the chains: HMAC-SHA256 under a key that PostgreSQL never sees, so that whoever may write to the database, and even owns it, cannot
/// make a chain that holds.
public struct AuditSeal: Sendable {
    /// What stands for the hash before the first row.
    public static let origin = [UInt8](repeating: 0, count: 32)

    private let key: SymmetricKey

    /// - Parameter secret: at least 32 bytes.
    public init(secret: String) {
        key = SymmetricKey(data: Array(secret.utf8))
    }

    /// Reads `AUDIT_KEY`.
    /// - Throws: ``SettingsError`` that names the variable, where it is not set, too short, or a development secret in production.
    public init(_ settings: Settings) throws(SettingsError) {
        let secret = try settings.required("AUDIT_KEY")
        if secret.utf8.count < 32 { throw SettingsError(variable: "AUDIT_KEY", reason: "must have at least 32 bytes") }
        if settings.text("ENVIRONMENT", default: "development") == "production", secret.contains("development") {
            throw SettingsError(variable: "AUDIT_KEY", reason: "is a development secret, unfit for production")
        }
        self.init(secret: secret)
    }

    /// The hash of a row behind the one whose hash is given. All that the row says is in it, but for when it was written.
    public func hash(of record: AuditRecord, seq: Int64, after previous: [UInt8]) -> [UInt8] {
        var fields = Fields(kind: "row")
        fields.add(previous)
        fields.add("\(seq)")
        fields.add(record.source.topic)
        fields.add("\(record.source.partition)")
        fields.add("\(record.offset)")
        fields.add("\(record.at.ms)")
        fields.add(record.tenant.description)
        for text in [record.messageID, record.actor, record.action, record.entity, record.entityID, record.outcome.rawValue] { fields.add(text) }
        for text in [record.old, record.new, record.address, record.agent, record.requestID, record.traceID] { fields.add(text) }
        return code(fields)
    }

    /// The seal of an anchor.
    public func seal(of anchor: AuditAnchor) -> [UInt8] {
        var fields = Fields(kind: "anchor")
        fields.add(anchor.topic)
        fields.add("\(anchor.partition)")
        fields.add("\(anchor.fromSeq)")
        fields.add("\(anchor.toSeq)")
        fields.add(anchor.month)
        fields.add(anchor.previousHash)
        fields.add(anchor.hash)
        return code(fields)
    }

    private func code(_ fields: Fields) -> [UInt8] { Array(HMAC<SHA256>.authenticationCode(for: fields.bytes, using: key)) }

    /// Fields, each behind its length, so that no two sequences of them are the same bytes.
    private struct Fields {
        private(set) var bytes: [UInt8] = []

        init(kind: String) {
            bytes.reserveCapacity(1024)
            add(kind)
        }

        mutating func add(_ field: [UInt8]) { append(field, field.count) }

        mutating func add(_ field: String) { append(field.utf8, field.utf8.count) }

        /// What is absent differs from what is empty.
        mutating func add(_ field: String?) {
            guard let field else { return length(.max) }
            add(field)
        }

        private mutating func append(_ field: some Sequence<UInt8>, _ count: Int) {
            length(UInt32(clamping: count))
            bytes.append(contentsOf: field)
        }

        private mutating func length(_ count: UInt32) {
            for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
        }
    }
}
