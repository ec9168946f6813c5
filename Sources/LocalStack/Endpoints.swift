import Foundation
import Synchronization

/// Where everything of one installation listens, and the secrets that its processes share. Fixed for the life of the stack.
public struct Endpoints: Sendable {
    /// `REDIS_URL`.
    public let redisURL: String
    /// `DATABASE_URL`, with its password; the role owns the database.
    public let databaseURL: String
    /// `KAFKA_BOOTSTRAP_SERVERS`.
    public let kafkaBootstrapServers: String
    /// `JWT_SECRET`: the supervisor's own where it has one, else made once per installation.
    public let jwtSecret: String
    /// `TICKET_SECRET`: likewise.
    public let ticketSecret: String
    /// `AUDIT_KEY`: likewise.
    public let auditKey: String
    /// The first ingress' public port.
    public let httpPort: Int
    /// `PAYMENT_GATEWAY_URL`, without a slash at the end.
    public let paymentGatewayURL: String
    /// `PAYMENT_GATEWAY_KEY`: made once per installation, or the environment's for a gateway that exists.
    public let paymentGatewayKey: String
    /// `PAYMENT_WEBHOOK_SECRET`: likewise.
    public let paymentWebhookSecret: String

    /// `SMTP_URL`.
    public let smtpURL: String
    /// `PII_KEY`: as ``jwtSecret``.
    public let piiKey: String

    let smtpPort: Int
    let redis: HostAndPort
    let postgres: HostAndPort
    let kafka: HostAndPort
    let simulatorPort: Int
    let postgresPassword: String

    /// `http://127.0.0.1:8080`, without a slash at the end.
    public var baseURL: String { "http://127.0.0.1:\(httpPort)" }

    init(_ configuration: LocalStackConfiguration, folder: InstallationFolder, book: PortBook) throws(LocalStackError) {
        let external = configuration.external
        let password = try folder.secret("postgres", bytes: 16)
        postgresPassword = password
        if let secret = Self.environment("JWT_SECRET") { jwtSecret = secret } else { jwtSecret = try folder.secret("jwt") }
        if let secret = Self.environment("TICKET_SECRET") { ticketSecret = secret } else { ticketSecret = try folder.secret("ticket") }
        if let key = Self.environment("AUDIT_KEY") { auditKey = key } else { auditKey = try folder.secret("audit") }
        httpPort = try book.port("ingress http", wanted: configuration.ports.http)

        if let url = external.redisURL {
            redisURL = url
            redis = try HostAndPort(url: url, defaultPort: 6379, setting: "REDIS_URL")
        } else {
            redis = HostAndPort(host: "127.0.0.1", port: try book.port("redis", wanted: configuration.ports.redis))
            redisURL = "redis://\(redis.host):\(redis.port)"
        }
        if let url = external.databaseURL {
            databaseURL = url
            postgres = try HostAndPort(url: url, defaultPort: 5432, setting: "DATABASE_URL")
        } else {
            postgres = HostAndPort(host: "127.0.0.1", port: try book.port("postgres", wanted: configuration.ports.postgres))
            databaseURL =
                "postgresql://\(PostgresServer.user):\(password)@\(postgres.host):\(postgres.port)/\(PostgresServer.database)"
        }
        if let servers = external.kafkaBootstrapServers {
            kafkaBootstrapServers = servers
            let first = servers.split(separator: ",").first.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
            kafka = try HostAndPort(url: "kafka://" + first, defaultPort: 9092, setting: "KAFKA_BOOTSTRAP_SERVERS")
        } else {
            kafka = HostAndPort(host: "127.0.0.1", port: try book.port("broker", wanted: configuration.ports.broker))
            kafkaBootstrapServers = "\(kafka.host):\(kafka.port)"
        }

        if let key = Self.environment("PII_KEY") { piiKey = key } else { piiKey = try folder.secret("pii") }
        smtpPort = try book.port("mail-catcher", wanted: configuration.ports.mail)
        smtpURL = external.smtpURL ?? "smtp://127.0.0.1:\(smtpPort)"
        simulatorPort = try book.port("payment-simulator", wanted: configuration.ports.simulator)
        if let url = external.paymentGatewayURL {
            paymentGatewayURL = url
            paymentGatewayKey = Self.environment("PAYMENT_GATEWAY_KEY") ?? ""
            paymentWebhookSecret = Self.environment("PAYMENT_WEBHOOK_SECRET") ?? ""
        } else {
            paymentGatewayURL = "http://127.0.0.1:\(simulatorPort)"
            paymentGatewayKey = "sk_test_" + (try folder.secret("gateway", bytes: 16))
            paymentWebhookSecret = "whsec_" + (try folder.secret("webhook"))
        }
    }

    private static func environment(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// A server's address.
struct HostAndPort: Sendable {
    let host: String
    let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init(url: String, defaultPort: Int, setting: String) throws(LocalStackError) {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty else {
            // Not the value itself: it may hold a password.
            throw LocalStackError(.invalid, operation: "read \(setting)", message: "it has no host")
        }
        self.host = host
        port = parts.port ?? defaultPort
    }
}

/// Which port serves what: a use keeps the port that it got first.
final class PortBook: Sendable {
    private let ports = Mutex<[String: Int]>([:])
    private let metricsOrder = Mutex<[Component]>([])

    func port(_ use: String, wanted: Int?) throws(LocalStackError) -> Int {
        try ports.withLock { ports throws(LocalStackError) in
            if let known = ports[use] { return known }
            let port = if let wanted { wanted } else { try Ports.free(besides: Set(ports.values)) }
            ports[use] = port
            return port
        }
    }

    /// The components' ports follow each other from `first`, in the order in which they are asked for.
    func metricsPort(of component: Component, first: Int?) throws(LocalStackError) -> Int {
        let index = metricsOrder.withLock { order in
            if let index = order.firstIndex(of: component) { return index }
            order.append(component)
            return order.count - 1
        }
        return try port("metrics \(component)", wanted: first.map { $0 + index })
    }
}
