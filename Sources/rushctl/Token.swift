import ArgumentParser
import Authentication
import BookingEngine
import Domain

/// `rushctl token`: mints access tokens for development.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Mints development access tokens with JWT_SECRET, one a line.")

    @Option(help: "The user's id; a new one for each token when absent.")
    var user: String?

    @Option(help: "user, organizer or admin.")
    var role = "user"

    @Option(help: "The organiser's tenant id.")
    var tenant: String?

    @Option(help: "The user's age in years.")
    var age: Int64?

    @Option(name: .customLong("ttl"), help: "Seconds until the token expires.")
    var lifetime = 900

    @Option(help: "How many tokens.")
    var count = 1

    func validate() throws {
        if let user, UserID(user) == nil { throw ValidationError("--user must be a UUID.") }
        if let tenant, TenantID(tenant) == nil { throw ValidationError("--tenant must be a UUID.") }
        if AccessToken.Role(rawValue: role) == nil { throw ValidationError("--role must be user, organizer or admin.") }
        if !(1...1_000_000).contains(count) { throw ValidationError("--count must be from 1 to 1000000.") }
        if lifetime == 0 || abs(lifetime) > 31_536_000 { throw ValidationError("--ttl must be within a year, in seconds.") }
    }

    func run() async throws {
        let keys = try await Connections.tokens()
        for _ in 0..<count {
            let token = Self.token(
                user: user.flatMap { UserID($0) } ?? Self.newUser(), role: AccessToken.Role(rawValue: role) ?? .user,
                tenant: tenant.flatMap { TenantID($0) }, age: age, lifetime: .seconds(lifetime))
            print(try keys.sign(token))
        }
    }

    static func newUser() -> UserID { UserID(.version7(nowMs: BookingEngine.wallClockMs(), shard: Shard(truncating: UInt64.random(in: 0..<64)))) }

    static func token(
        user: UserID, role: AccessToken.Role = .user, tenant: TenantID? = nil, age: Int64? = nil, lifetime: Duration
    ) -> AccessToken {
        let now = Timestamp.now
        return AccessToken(
            user: user, role: role, tenant: tenant, age: age, issuedAt: now, expiresAt: Timestamp(ms: now.ms + lifetime.inMilliseconds))
    }
}
