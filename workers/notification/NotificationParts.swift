import CurlClient
import Domain
import Logging
import PostgresClient

/// What the worker is made of between its rows, its servers and the topics.
struct NotificationParts: Sendable {
    let handler: NotificationHandler
    /// Nil when nobody is to be reminded.
    let clock: ReminderClock?

    /// - Parameters:
    ///   - mail: hand mails in, one at a time each.
    ///   - webhooks: hands SMS and push messages in.
    ///   - checkpoint: called between any two effects.
    /// - Throws: when a template of the build cannot be read.
    init(
        _ configuration: NotificationConfiguration, database: PostgresClient, mail: [CurlClient], webhooks: CurlClient,
        now: @escaping @Sendable () -> Timestamp, metrics: NotificationMetrics, logger: Logger,
        checkpoint: @escaping @Sendable (StaticString) throws -> Void = { _ in }
    ) throws {
        let templates = try TemplateBook()
        let store = NotificationStore(
            database: database, keys: configuration.keys, identity: MessageIdentity(domain: configuration.sender.domain),
            channels: configuration.channels)
        let sender = configuration.webhookSecret.map { secret in
            WebhookSender(
                client: webhooks, secret: secret, smsURL: configuration.smsURL, allowsPlain: !configuration.webhooks.onlyPublicAddresses, now: now)
        }
        let notifier = Notifier(
            database: database, store: store, templates: templates, teller: Teller(signer: configuration.signer, publicURL: configuration.publicURL),
            mail: MailSender(clients: MailClients(mail), server: configuration.server, sender: configuration.sender, templates: templates),
            webhooks: sender,
            metrics: metrics, checkpoint: checkpoint)
        handler = NotificationHandler(
            store: store, notifier: notifier, maxAge: configuration.maxAge, now: now, metrics: metrics, logger: logger)
        clock =
            configuration.reminderLead == .zero
            ? nil
            : ReminderClock(
                reminders: ReminderStore(database: database, lead: configuration.reminderLead), store: store, notifier: notifier, now: now,
                metrics: metrics, logger: logger)
    }
}
