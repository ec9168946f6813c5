import ArgumentParser
import Authentication
import BookingEngine
import Domain

/// `rushctl token`: mints access tokens for development.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Mints development access tokens with JWT_SECRET, one a line.",
        discussion: """
            Signed as the login would sign them (HS256, the key JWT_KID), so whoever has the secret can be anybody: for development and tests.

              rushctl token                                  a new user, for 15 minutes
              rushctl token --role admin --ttl 3600          an operator, for the admin API
              rushctl token --role organizer --tenant ID     an organiser of one tenant
            """)

    @Option(help: "The user's id; a new one for each token when absent.")
    var user: String?

    @Option(help: "The user's mail address, in place of an id: the user who has it, or a new one who then has. Needs DATABASE_URL and PII_KEY.")
    var email: String?

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

    @Flag(help: "Print JSON, a line each: the token, its user, and when it expires.")
    var json = false

    private struct Line: Encodable {
        let token: String
        let userID: String
        let expiresAt: String
    }

    func validate() throws {
        if user != nil && email != nil { throw ValidationError("--user and --email exclude each other.") }
        if let email, !email.contains("@") { throw ValidationError("--email must be an address.") }
        if let user, UserID(user) == nil { throw ValidationError("--user must be a UUID.") }
        if let tenant, TenantID(tenant) == nil { throw ValidationError("--tenant must be a UUID.") }
        if AccessToken.Role(rawValue: role) == nil { throw ValidationError("--role must be user, organizer or admin.") }
        if !(1...1_000_000).contains(count) { throw ValidationError("--count must be from 1 to 1000000.") }
        if lifetime == 0 || abs(lifetime) > 31_536_000 { throw ValidationError("--ttl must be within a year, in seconds.") }
    }

    func run() async throws {
        let keys = try await Connections.tokens()
        let written = try await writtenUser()
        for _ in 0..<count {
            let token = Self.token(
                user: written ?? user.flatMap { UserID($0) } ?? Self.newUser(), role: AccessToken.Role(rawValue: role) ?? .user,
                tenant: tenant.flatMap { TenantID($0) }, age: age, lifetime: .seconds(lifetime))
            let signed = try keys.sign(token)
            if !json {
                print(signed)
                continue
            }
            let line = Line(token: signed, userID: token.user.description, expiresAt: token.expiresAt.description)
            print(String(decoding: try Output.encode(line, pretty: false), as: UTF8.self))
        }
    }

    private func writtenUser() async throws -> UserID? {
        guard let email else { return nil }
        guard let keys = try Connections.personalDataKeys() else { throw ValidationError("--email needs PII_KEY.") }
        return try await Connections.database { try await People(database: $0, keys: keys).ensure(.init(email: email)) }
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
