import NIOCore

/// The fields that every request begins with.
struct RequestHeader: Sendable, Equatable {
    /// The key as sent, which may be one that this broker does not know.
    var key: Int16
    var version: Int16
    var correlationID: Int32
    var clientID: String?

    /// The known request, or nil.
    var api: ApiKey? { ApiKey(rawValue: key) }

    /// Whether the body, and the response's header, use KIP-482's encoding.
    var isFlexible: Bool {
        guard let first = api?.firstFlexibleVersion else { return false }
        return version >= first
    }

    /// Reads the header and leaves `reader` at the body.
    init(from reader: inout WireReader) throws(BrokerError) {
        key = try reader.int16()
        version = try reader.int16()
        correlationID = try reader.int32()
        clientID = try reader.nullableString()
        // A version above the listed ones has an unknown layout; only ApiVersions is answered then, and that needs no body.
        if isFlexible, let api, api.versions.contains(version) { try reader.tags() }
    }
}
