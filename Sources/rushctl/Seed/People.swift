import Domain
import PersonalData
import PostgresClient

/// Writes people into `users`, sealed. It stands in for the registration.
struct People: Sendable {
    let database: PostgresClient
    let keys: PersonalDataKeys

    /// The user with a person's address: the one that is there, unchanged, or a new one.
    func ensure(_ person: SeedFile.Person) async throws -> UserID {
        let user = Token.newUser()
        let email = person.email.filter { !$0.isWhitespace }
        let (key, sealedKey) = try keys.makeKey(of: user)
        func sealed(_ text: String?, _ field: PersonalField) throws -> PostgresValue {
            PostgresValue(try text.map { try key.seal($0, as: field) })
        }
        let index = PostgresValue.bytes(keys.index(ofEmail: email))
        let parameters: [PostgresValue] = [
            .text(user.description), .bytes(sealedKey), try sealed(email, .email), index, try sealed(person.name, .name),
            try sealed(person.phone, .phone), try sealed(person.pushEndpoint, .pushEndpoint), .text(person.locale ?? "en"),
        ]
        let row = try await database.transaction { connection in
            _ = try connection.query(
                """
                INSERT INTO users (id, data_key, email, email_index, name, phone, push_endpoint, locale)
                VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email_index) DO NOTHING
                """, parameters)
            return try connection.query("SELECT id FROM users WHERE email_index = $1", [index]).one().string("id")
        }
        guard let found = UserID(row) else { throw SeedError("the table users holds an id that is none") }
        return found
    }
}
