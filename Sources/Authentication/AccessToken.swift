public import Domain

/// What an access token says (RFC 7519; SPEC, F1).
public struct AccessToken: Equatable, Sendable {
    /// What its bearer may do.
    public enum Role: String, Sendable, CaseIterable {
        case user, organizer, admin
    }

    public let user: UserID
    public let role: Role
    /// The organiser's tenant; buyers and admins belong to the platform.
    public let tenant: TenantID?
    /// Years at the time of issue, where the user gave a birth date.
    public let age: Int64?
    public let issuedAt: Timestamp
    public let expiresAt: Timestamp

    public init(user: UserID, role: Role, tenant: TenantID?, age: Int64?, issuedAt: Timestamp, expiresAt: Timestamp) {
        self.user = user
        self.role = role
        self.tenant = tenant
        self.age = age
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }

    var payload: [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.object {
            $0.member("sub", user)
            $0.member("role", role.rawValue)
            $0.member("tenant", ifPresent: tenant?.description)
            if let age { $0.member("age", age) }
            $0.member("iat", issuedAt.ms / 1000)
            $0.member("exp", expiresAt.ms / 1000)
        }
        return writer.bytes
    }

    init?(payload: [UInt8]) {
        var user: UserID?
        var role: Role?
        var tenant: TenantID?
        var age: Int64?
        var issued: Int64?
        var expires: Int64?
        var reader = JSONReader(payload)
        do {
            try reader.object { (key, value) throws(JSONError) in
                switch key {
                case "sub": user = UserID(try value.string())
                case "role": role = Role(rawValue: try value.string())
                case "tenant": tenant = TenantID(try value.string())
                case "age": age = try value.int()
                case "iat": issued = try value.int()
                case "exp": expires = try value.int()
                default: try value.skip()
                }
            }
            try reader.end()
        } catch {
            return nil
        }
        guard let user, let role, let expires, let issued, expires > 0, expires < 1 << 40, issued >= 0, issued < 1 << 40 else { return nil }
        self.init(user: user, role: role, tenant: tenant, age: age, issuedAt: Timestamp(ms: issued * 1000), expiresAt: Timestamp(ms: expires * 1000))
    }
}
