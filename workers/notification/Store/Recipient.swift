import Domain
import PersonalData
import PostgresClient
import Tickets

/// How a person is reached. It is only ever in memory.
struct Recipient: Sendable {
    let email: String?
    let name: String?
    let phone: String?
    let pushEndpoint: String?
    let locale: TicketLocale

    /// The address on a channel.
    func address(on channel: Channel) -> String? {
        switch channel {
        case .email: email
        case .sms: phone
        case .push: pushEndpoint
        }
    }

    static let columns = "u.id AS user_id, u.data_key, u.email, u.name, u.phone, u.push_endpoint, u.locale"

    /// Opens a row; nil for a person who was forgotten.
    /// - Throws: `PersonalDataError` when the seals are not of these keys.
    init?(_ row: PostgresRow, _ keys: PersonalDataKeys) throws {
        guard let user = UserID(try row.string("user_id")), let sealedKey = try row.optionalBytes("data_key") else { return nil }
        let key = try keys.openKey(sealedKey, of: user)
        func field(_ field: PersonalField) throws -> String? { try row.optionalBytes(field.rawValue).map { try key.open($0, as: field) } }
        email = try field(.email)
        name = try field(.name)
        phone = try field(.phone)
        pushEndpoint = try field(.pushEndpoint)
        locale = TicketLocale(rawValue: try row.string("locale")) ?? .en
    }
}
