import Authentication
import Domain
import KafkaClient
import Logging
import PersonalData
import PostgresClient
import RedisClient
import Settings

/// Connections to the stores named by the environment, each closed when its body ends. Where a store is away, they throw ``StoreAway``.
enum Connections {
    static let logger = Logger(label: "rushctl")

    static func database<T: Sendable>(_ settings: Settings = .environment, _ body: (PostgresClient) async throws -> T) async throws -> T {
        guard let url = settings.optional("DATABASE_URL") else {
            throw SettingsError(variable: "DATABASE_URL", reason: "must be set; `ops/run` starts a PostgreSQL, which ops/rushctl then finds")
        }
        var configuration = try PostgresConfiguration(url: url)
        configuration.applicationName = "rushctl"
        configuration.poolSize = 2
        // A migration or a check of a big installation takes its time.
        configuration.statementTimeout = .seconds(600)
        let database = PostgresClient(configuration: configuration, logger: logger)
        try database.start()
        do {
            let result = try await body(database)
            await database.shutdown()
            return result
        } catch {
            await database.shutdown()
            throw StoreAway.named(error, settings)
        }
    }

    static func redis<T: Sendable>(_ settings: Settings = .environment, _ body: (RedisClient) async throws -> T) async throws -> T {
        var configuration = try RedisConfiguration(url: redisURL(settings))
        configuration.clientName = "rushctl"
        configuration.commandTimeout = .seconds(30)
        let redis = RedisClient(configuration: configuration, logger: logger)
        try redis.start()
        do {
            let result = try await body(redis)
            await redis.shutdown()
            return result
        } catch {
            await redis.shutdown()
            throw StoreAway.named(error, settings)
        }
    }

    static func redisURL(_ settings: Settings) -> String { settings.text("REDIS_URL", default: "redis://127.0.0.1:6379") }

    static func kafka(_ settings: Settings = .environment) -> String { settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092") }

    /// What seals personal data; nil without `PII_KEY`.
    static func personalDataKeys(_ settings: Settings = .environment) throws -> PersonalDataKeys? {
        try settings.optional("PII_KEY").map { try PersonalDataKeys(masterKey: $0) }
    }

    static func tokens(_ settings: Settings = .environment) async throws -> TokenKeys {
        try await TokenKeys(current: TokenKeys.Key(id: settings.text("JWT_KID", default: "1"), secret: settings.required("JWT_SECRET")))
    }
}
