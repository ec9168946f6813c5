import Authentication
import BookingEngine
import Domain
import NIOCore
import PostgresClient
import RedisClient
import Settings
import Tickets

/// What an ingress needs to know; `.env.example` explains each setting.
struct IngressConfiguration: Sendable {
    var host: String
    var httpPort: Int
    var metricsPort: Int
    var redis: RedisConfiguration
    var database: PostgresConfiguration
    var kafka: String
    var signingKey: TokenKeys.Key
    var previousKey: TokenKeys.Key?
    /// Signs the passes of the waiting room.
    var queuePassKey: QueuePassKey
    /// Signs and checks the codes of e-tickets.
    var tickets: TicketSigner
    var limits: ReserveLimits
    var trustedProxies: Set<String>
    /// Pays a confirm whose body has no token; `nil` makes the token a required field there.
    var defaultPaymentToken: String?
    /// What the gateway's webhooks are signed with, the current secret and the one before it; empty when there are none.
    var webhookSecrets: [String]
    /// Share of new traces that are sampled, 0 to 1.
    var traceSampling: Double
    /// Connections that wait to be accepted.
    var backlog: Int
    /// Threads that read and write sockets; the handlers run on others.
    var loops: Int
}

extension IngressConfiguration {
    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        host = settings.text("HTTP_HOST", default: "0.0.0.0")
        httpPort = try settings.int("HTTP_PORT", default: 8080, in: 0...65_535)
        metricsPort = try settings.int("METRICS_PORT", default: 9100, in: 0...65_535)
        redis = try RedisConfiguration(url: settings.text("REDIS_URL", default: "redis://127.0.0.1:6379"))
        redis.clientName = "ingress"
        database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = "ingress"
        database.poolSize = try settings.int("DATABASE_POOL", default: 8, in: 1...200)
        kafka = settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092")
        let isProduction = try settings.choice("ENVIRONMENT", default: "development", of: ["development", "production"]) == "production"
        let secret = try settings.required("JWT_SECRET")
        if isProduction && secret.contains("development") {
            throw SettingsError(variable: "JWT_SECRET", reason: "is a development secret, unfit for production")
        }
        signingKey = try Self.key(settings.text("JWT_KID", default: "1"), secret, "JWT_SECRET")
        previousKey = try settings.optional("JWT_PREVIOUS_SECRET").map {
            try Self.key(settings.text("JWT_PREVIOUS_KID", default: "0"), $0, "JWT_PREVIOUS_SECRET")
        }
        queuePassKey = try Self.queuePassKey(settings, isProduction: isProduction, else: secret)
        tickets = try TicketSigner(settings)
        limits = ReserveLimits()
        limits.hold = .seconds(try settings.int("HOLD_SECONDS", default: 600, in: 1...86_400))
        limits.outboxLimit = Int64(try settings.int("OUTBOX_LIMIT", default: 200_000, in: 1...100_000_000))
        trustedProxies = Set(settings.list("TRUSTED_PROXIES"))
        defaultPaymentToken = try settings.optional("DEFAULT_PAYMENT_TOKEN").map(Self.paymentToken)
        webhookSecrets = settings.list("PAYMENT_WEBHOOK_SECRET")
        if webhookSecrets.contains(where: { $0.utf8.count < 16 }) {
            throw SettingsError(variable: "PAYMENT_WEBHOOK_SECRET", reason: "must have at least 16 bytes, each where there are several")
        }
        traceSampling = try settings.number("TRACE_SAMPLING", default: isProduction ? 0.1 : 1, in: 0...1)
        backlog = try settings.int("HTTP_BACKLOG", default: 4096, in: 1...65_535)
        loops = try settings.int("HTTP_LOOPS", default: max(1, System.coreCount / 2), in: 1...256)
    }

    /// Without a secret of its own the one of the tokens serves; what is signed with it cannot be taken for a token.
    private static func queuePassKey(_ settings: Settings, isProduction: Bool, else fallback: String) throws -> QueuePassKey {
        let secret = settings.text("QUEUE_PASS_SECRET", default: fallback)
        if isProduction && secret.contains("development") {
            throw SettingsError(variable: "QUEUE_PASS_SECRET", reason: "is a development secret, unfit for production")
        }
        do {
            return try QueuePassKey(secret: secret)
        } catch {
            throw SettingsError(variable: "QUEUE_PASS_SECRET", reason: "must have at least 32 bytes")
        }
    }

    private static func paymentToken(_ text: String) throws -> String {
        do {
            return try PaymentMeans(method: .card, token: text).token
        } catch {
            throw SettingsError(variable: "DEFAULT_PAYMENT_TOKEN", reason: error.faults.map(\.reason).joined(separator: "; "))
        }
    }

    private static func key(_ id: String, _ secret: String, _ variable: String) throws -> TokenKeys.Key {
        do {
            return try TokenKeys.Key(id: id, secret: secret)
        } catch {
            throw SettingsError(variable: variable, reason: "must have at least 32 bytes")
        }
    }
}
