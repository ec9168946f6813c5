import CurlClient
import PersonalData
import PostgresClient
import Settings
import Tickets
import WorkerRuntime

/// What a notification worker needs to know; `.env.example` explains each setting.
struct NotificationConfiguration: Sendable {
    var worker: WorkerConfiguration
    var database: PostgresConfiguration
    var keys: PersonalDataKeys
    var signer: TicketSigner
    var publicURL: String
    var sender: Sender
    var server: SMTPServer
    /// Of one connection.
    var mail: CurlConfiguration
    var mailConnections: Int
    /// Takes the SMS.
    var smsURL: String?
    /// Signs webhooks; without it there are no SMS and no push messages.
    var webhookSecret: String?
    var webhooks: CurlConfiguration
    var maxAge: Duration
    /// How long before a show its reminder goes out; zero for none.
    var reminderLead: Duration
    var metricsPort: Int

    /// How can be reached who has an address for it.
    var channels: Set<Channel> {
        guard webhookSecret != nil else { return [.email] }
        return smsURL == nil ? [.email, .push] : [.email, .sms, .push]
    }
}

extension NotificationConfiguration {
    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        let isProduction = try settings.choice("ENVIRONMENT", default: "development", of: ["development", "production"]) == "production"
        mailConnections = try settings.int("SMTP_CONNECTIONS", default: 8, in: 1...256)
        worker = WorkerConfiguration(
            name: NotificationWorker.group, group: NotificationWorker.group, topics: [.bookingEvents, .paymentEvents, .queueEvents],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        // Enough to keep the connections busy while rows are read and written.
        worker.concurrency = mailConnections * 8
        // The key of a queue's turns is the event, and nobody's mail should wait for another's; each row is claimed by itself.
        worker.ordersByKey = false
        worker.retryDelays = try Self.delays(settings)
        database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = NotificationWorker.group
        database.poolSize = 4
        keys = try Self.checked("PII_KEY") { try PersonalDataKeys(masterKey: try Self.secret("PII_KEY", settings, isProduction)) }
        let ticketSecrets = settings.list("TICKET_SECRET")
        signer = try Self.checked("TICKET_SECRET") { try TicketSigner(secrets: ticketSecrets) }
        if isProduction && ticketSecrets.contains(where: { $0.contains("development") }) { throw Self.unfit("TICKET_SECRET") }
        publicURL = try settings.required("PUBLIC_URL")
        while publicURL.hasSuffix("/") { publicURL.removeLast() }
        guard publicURL.hasPrefix("https://") || (!isProduction && publicURL.hasPrefix("http://")) else {
            throw SettingsError(variable: "PUBLIC_URL", reason: "must begin with https://\(isProduction ? "" : " or http://")")
        }
        guard let sender = Sender(try settings.required("MAIL_FROM")) else {
            throw SettingsError(variable: "MAIL_FROM", reason: "must be an address, or Name <address>")
        }
        self.sender = sender
        server = try Self.server(settings, sender, isProduction)
        mail = CurlConfiguration(
            timeout: .seconds(try settings.int("SMTP_TIMEOUT_SECONDS", default: 25, in: 1...50)), connectTimeout: .seconds(5),
            maxConnections: 1)
        mail.authorities = settings.optional("SMTP_CA_FILE")
        smsURL = settings.optional("SMS_WEBHOOK_URL")
        webhookSecret = try settings.optional("NOTIFICATION_WEBHOOK_SECRET").map { _ in
            try Self.secret("NOTIFICATION_WEBHOOK_SECRET", settings, isProduction)
        }
        if let smsURL, !smsURL.hasPrefix("https://"), isProduction || !smsURL.hasPrefix("http://") {
            throw SettingsError(variable: "SMS_WEBHOOK_URL", reason: "must begin with https://\(isProduction ? "" : " or http://")")
        }
        if smsURL != nil && webhookSecret == nil {
            throw SettingsError(variable: "NOTIFICATION_WEBHOOK_SECRET", reason: "must be set when SMS_WEBHOOK_URL is")
        }
        let allowsPrivate = try settings.choice("WEBHOOK_ALLOW_PRIVATE", default: "false", of: ["true", "false"]) == "true"
        if isProduction && allowsPrivate { throw Self.unfit("WEBHOOK_ALLOW_PRIVATE") }
        webhooks = CurlConfiguration(timeout: .seconds(10), onlyPublicAddresses: !allowsPrivate)
        maxAge = .seconds(3600 * (try settings.int("NOTIFICATION_MAX_AGE_HOURS", default: 72, in: 1...87_600)))
        reminderLead = .seconds(3600 * (try settings.int("REMINDER_HOURS", default: 24, in: 0...720)))
        metricsPort = try settings.int("METRICS_PORT", default: 9107, in: 0...65_535)
    }

    private static func server(_ settings: Settings, _ sender: Sender, _ isProduction: Bool) throws -> SMTPServer {
        let security = try settings.choice("SMTP_TLS", default: "starttls", of: ["starttls", "none"])
        let user = settings.optional("SMTP_USERNAME")
        let credentials = try user.map { SMTPServer.Credentials(user: $0, password: try settings.required("SMTP_PASSWORD")) }
        let server = try checked("SMTP_URL") {
            try SMTPServer(
                url: try settings.required("SMTP_URL"), security: security == "none" ? .none : .startTLS, credentials: credentials,
                name: sender.domain)
        }
        // On this machine there is nobody in between.
        if isProduction && server.security == .none && !["127.0.0.1", "localhost", "::1"].contains(server.host) {
            throw SettingsError(variable: "SMTP_TLS", reason: "is none, which is unfit for a production server on another machine")
        }
        return server
    }

    private static func delays(_ settings: Settings) throws -> [Duration] {
        let words = settings.list("NOTIFICATION_RETRY_SECONDS")
        let seconds = words.isEmpty ? [5, 60, 300] : words.compactMap { Int($0) }
        guard seconds.count == max(words.count, 3), seconds.count == 3, seconds.allSatisfy({ (0...300).contains($0) }) else {
            throw SettingsError(variable: "NOTIFICATION_RETRY_SECONDS", reason: "must be three whole numbers from 0 to 300, separated by commas")
        }
        return seconds.map { .seconds($0) }
    }

    private static func secret(_ name: String, _ settings: Settings, _ isProduction: Bool) throws -> String {
        let secret = try settings.required(name)
        guard secret.utf8.count >= 32 else { throw SettingsError(variable: name, reason: "must have at least 32 bytes") }
        if isProduction && secret.contains("development") { throw unfit(name) }
        return secret
    }

    private static func unfit(_ name: String) -> SettingsError {
        SettingsError(variable: name, reason: "has a value for development, unfit for production")
    }

    private static func checked<Value>(_ name: String, _ read: () throws -> Value) throws -> Value {
        do {
            return try read()
        } catch let error as SettingsError {
            throw error
        } catch let error as CurlError {
            throw SettingsError(variable: name, reason: error.message)
        } catch {
            throw SettingsError(variable: name, reason: "must have at least 32 bytes")
        }
    }
}
