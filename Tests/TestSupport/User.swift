import Foundation
import LocalStack

/// A buyer, known by an access token.
public struct User: Sendable, Hashable {
    /// The token, as `Authorization` carries it.
    public let token: String
    /// The `sub` of the token.
    public let id: String

    /// Reads the id out of a token.
    /// - Throws: ``TestFailure`` when it is none.
    public init(token: String) throws {
        let parts = token.split(separator: ".")
        var payload = parts.count == 3 ? parts[1].replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/") : ""
        while payload.count % 4 != 0 { payload += "=" }
        guard let data = Data(base64Encoded: payload), let id = try? JSONDecoder().decode(JSONValue.self, from: data)["sub"].string else {
            throw TestFailure("rushctl token printed something that is no token")
        }
        self.token = token
        self.id = id
    }
}

/// Hands out users that no test had before, minted by `rushctl token` some thousand at a time.
actor UserPool {
    /// Adults, whose tokens outlive every test.
    private static let arguments = ["--age", "30", "--ttl", "86400"]
    private static let batch = 2000

    private let mint: @Sendable ([String]) async throws -> String
    private var spare: [User] = []

    init(mint: @escaping @Sendable ([String]) async throws -> String) {
        self.mint = mint
    }

    func take(_ count: Int) async throws -> [User] {
        while spare.count < count {
            let wanted = max(Self.batch, count - spare.count)
            let text = try await mint(["token", "--count", String(wanted)] + Self.arguments)
            spare += try text.split(separator: "\n").map { try User(token: String($0)) }
        }
        let taken = Array(spare.suffix(count))
        spare.removeLast(count)
        return taken
    }
}
