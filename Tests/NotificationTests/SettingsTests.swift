import Settings
import Testing

@testable import NotificationWorker

/// What the worker asks of its settings.
struct NotificationSettingsTests {
    private let whole = [
        "DATABASE_URL": "postgresql://rush@127.0.0.1/rush", "PII_KEY": BoxOffice.pii, "TICKET_SECRET": BoxOffice.ticketSecret,
        "PUBLIC_URL": "https://rush.example", "SMTP_URL": "smtp://mail.example:587", "MAIL_FROM": "tickets@rush.example",
    ]

    @Test func theseAreEnough() throws {
        let configuration = try NotificationConfiguration(Settings(whole))
        #expect(configuration.channels == [.email] && configuration.server.security == .startTLS)
        _ = try NotificationConfiguration(Settings(whole.merging(["ENVIRONMENT": "production"]) { $1 }))
    }

    @Test(arguments: ["DATABASE_URL", "PII_KEY", "TICKET_SECRET", "PUBLIC_URL", "SMTP_URL", "MAIL_FROM"])
    func whatIsMissingIsNamed(name: String) {
        let error = #expect(throws: SettingsError.self) { try NotificationConfiguration(Settings(whole.filter { $0.key != name })) }
        #expect(error?.variable == name)
    }

    @Test(arguments: [
        ("PII_KEY", "short"), ("TICKET_SECRET", "short"), ("MAIL_FROM", "nobody"), ("SMTP_URL", "http://h"), ("SMTP_TLS", "maybe"),
        ("PUBLIC_URL", "ftp://h"), ("NOTIFICATION_RETRY_SECONDS", "1,2"), ("NOTIFICATION_RETRY_SECONDS", "1,2,x"),
        ("NOTIFICATION_RETRY_SECONDS", "1,2,3,x"),
        ("NOTIFICATION_RETRY_SECONDS", "1,2,301"), ("NOTIFICATION_WEBHOOK_SECRET", "short"), ("WEBHOOK_ALLOW_PRIVATE", "yes"),
        ("SMTP_CONNECTIONS", "0"),
    ])
    func aWrongValueIsNamed(name: String, value: String) {
        let error = #expect(throws: SettingsError.self) { try NotificationConfiguration(Settings(whole.merging([name: value]) { $1 })) }
        #expect(error?.variable == name)
        #expect(error.map { !"\($0)".contains(value) || !["PII_KEY", "TICKET_SECRET"].contains(name) } == true)
    }

    @Test(arguments: [
        ("PII_KEY", "a development key of at least 32 bytes"), ("TICKET_SECRET", "a development secret of at least 32 bytes"), ("SMTP_TLS", "none"),
        ("PUBLIC_URL", "http://rush.example"), ("WEBHOOK_ALLOW_PRIVATE", "true"),
    ])
    func whatIsUnfitForProductionIsRefusedThere(name: String, value: String) throws {
        let settings = whole.merging([name: value]) { $1 }
        _ = try NotificationConfiguration(Settings(settings))
        let error = #expect(throws: SettingsError.self) {
            try NotificationConfiguration(Settings(settings.merging(["ENVIRONMENT": "production"]) { $1 }))
        }
        #expect(error?.variable == name)
    }

    @Test func textMessagesNeedASecret() {
        let error = #expect(throws: SettingsError.self) {
            try NotificationConfiguration(Settings(whole.merging(["SMS_WEBHOOK_URL": "https://sms.example"]) { $1 }))
        }
        #expect(error?.variable == "NOTIFICATION_WEBHOOK_SECRET")
    }
}
