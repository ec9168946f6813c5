import KafkaClient
import PostgresClient
import RedisClient
import Settings

/// A store that cannot be used, with its address, the setting that names it, and what starts one.
struct StoreAway: Error, CustomStringConvertible {
    enum Store: String {
        case postgres = "PostgreSQL"
        case redis = "Redis"
        case kafka = "Kafka"
    }

    let store: Store
    let description: String

    /// The error to throw on: this where it is one, else as it came.
    static func named(_ error: any Error, _ settings: Settings) -> any Error {
        if let away = StoreAway(error, settings) { return away }
        return error
    }

    /// Looks for it in an error and in what caused that; nil where something else went wrong.
    private init?(_ error: any Error, _ settings: Settings) {
        switch error {
        case let error as PostgresError where error.code == .notConnected:
            let place = (try? PostgresConfiguration(url: settings.required("DATABASE_URL"))).map { "\($0)" } ?? "?"
            self.init(.postgres, at: place, setting: "DATABASE_URL", reason: error.message)
        case let error as RedisError where error.code == .notConnected:
            let place = (try? RedisConfiguration(url: Connections.redisURL(settings))).map { "\($0)" } ?? "?"
            self.init(.redis, at: place, setting: "REDIS_URL", reason: error.message)
        case let error as KafkaError where error.code == .unreachable || error.code == .timeout:
            self.init(
                .kafka, at: Connections.kafka(settings), setting: "KAFKA_BOOTSTRAP_SERVERS", reason: "\(error.operation): \(error.message)")
        default:
            // The errors of every module have their cause under this name.
            let member = Mirror(reflecting: error).children.first { $0.label == "underlying" }
            guard let cause = member?.value as? any Error else { return nil }
            self.init(cause, settings)
        }
    }

    private init(_ store: Store, at place: String, setting: String, reason: String) {
        self.store = store
        description = "\(store.rawValue) at \(place) cannot be used: \(reason)\n\(setting) says where it is; `ops/run` starts one."
    }
}
