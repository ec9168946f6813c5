public import Settings

extension TicketSigner {
    /// Takes the secrets from `TICKET_SECRET`: the first signs, those after it verify what they signed before.
    /// - Throws: ``SettingsError`` for a secret that is missing, too short, or one of development's in production.
    public init(_ settings: Settings) throws {
        let secrets = settings.list("TICKET_SECRET")
        if secrets.isEmpty { throw SettingsError(variable: "TICKET_SECRET", reason: "must be set") }
        let isProduction = try settings.choice("ENVIRONMENT", default: "development", of: ["development", "production"]) == "production"
        if isProduction, secrets.contains(where: { $0.contains("development") }) {
            throw SettingsError(variable: "TICKET_SECRET", reason: "is a development secret, unfit for production")
        }
        do {
            try self.init(secrets: secrets)
        } catch {
            throw SettingsError(variable: "TICKET_SECRET", reason: "must have at least \(Self.shortestSecret) bytes, each where there are several")
        }
    }
}
