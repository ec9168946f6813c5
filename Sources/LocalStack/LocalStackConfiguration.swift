/// What one local installation is made of. The defaults are those of `ops/run`.
public struct LocalStackConfiguration: Sendable {
    /// Where the processes listen; nil takes a free port, which then stays the same for the life of the ``LocalStack``.
    public struct Ports: Sendable {
        /// The ingress' public port; further copies of it take free ones.
        public var http: Int?
        /// Redis.
        public var redis: Int?
        /// PostgreSQL.
        public var postgres: Int?
        /// The broker.
        public var broker: Int?
        /// The payment simulator.
        public var simulator: Int?
        /// The mail catcher.
        public var mail: Int?
        /// The first of the `METRICS_PORT`s: the ingress, then the workers in the order in which they are first named.
        public var firstMetrics: Int?

        /// Free ports everywhere, as tests and benches want it.
        public static let free = Ports()
        /// The ports of `ops/run`; away from the usual ones, so that Debian's own services do not collide.
        public static let standard = Ports(
            http: 8080, redis: 16379, postgres: 15432, broker: 19092, simulator: 12111, mail: 11025, firstMetrics: 9180)

        /// Each port, or nil for a free one.
        public init(
            http: Int? = nil, redis: Int? = nil, postgres: Int? = nil, broker: Int? = nil, simulator: Int? = nil, mail: Int? = nil,
            firstMetrics: Int? = nil
        ) {
            self.http = http
            self.redis = redis
            self.postgres = postgres
            self.broker = broker
            self.simulator = simulator
            self.mail = mail
            self.firstMetrics = firstMetrics
        }
    }

    /// Services that exist already and are used, and never stopped, instead of starting one.
    public struct External: Sendable {
        /// `KAFKA_BOOTSTRAP_SERVERS`.
        public var kafkaBootstrapServers: String?
        /// `REDIS_URL`.
        public var redisURL: String?
        /// `DATABASE_URL`.
        public var databaseURL: String?
        /// `PAYMENT_GATEWAY_URL`; then `PAYMENT_GATEWAY_KEY` and `PAYMENT_WEBHOOK_SECRET` come from the environment as well.
        public var paymentGatewayURL: String?
        /// `SMTP_URL`; then `SMTP_TLS`, `SMTP_USERNAME` and `SMTP_PASSWORD` come from the environment as well.
        public var smtpURL: String?

        /// Each address, or nil to start one.
        public init(
            kafkaBootstrapServers: String? = nil, redisURL: String? = nil, databaseURL: String? = nil, paymentGatewayURL: String? = nil,
            smtpURL: String? = nil
        ) {
            self.kafkaBootstrapServers = kafkaBootstrapServers
            self.redisURL = redisURL
            self.databaseURL = databaseURL
            self.paymentGatewayURL = paymentGatewayURL
            self.smtpURL = smtpURL
        }

        /// What the environment names; an empty value counts as absent.
        public init(environment: [String: String]) {
            func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
            self.init(
                kafkaBootstrapServers: value("KAFKA_BOOTSTRAP_SERVERS"), redisURL: value("REDIS_URL"), databaseURL: value("DATABASE_URL"),
                paymentGatewayURL: value("PAYMENT_GATEWAY_URL"), smtpURL: value("SMTP_URL"))
        }
    }

    /// Data, logs, pid files and secrets; made when absent. One supervisor at a time.
    public var directory: String
    /// Where `ingress`, `embedded-broker` and the workers were built.
    public var binaries: String
    /// Where the processes listen.
    public var ports: Ports
    /// Services to use instead of starting one.
    public var external: External
    /// Environment of each of the product's processes, over what the stack itself sets.
    public var environment: [String: String] = [:]
    /// Environment of one program's copies, by ``Component/program``; over ``environment``.
    public var programEnvironment: [String: [String: String]] = [:]
    /// `--sync` of the embedded broker. An outbox entry is deleted once the broker has acknowledged it, so the acknowledgement must outlive a power cut;
    /// one fsync serves all that wait, and it costs a reserve 3 µs.
    public var brokerSync = "always"
    /// Whether the payment simulator sends webhooks to the first ingress.
    public var simulatorWebhooks = true
    /// Further options of the payment simulator.
    public var simulatorOptions: [String] = []
    /// `HOLD_SECONDS`: how long a hold lasts.
    public var holdSeconds = 600
    /// `PROJECTION_WINDOW_MS`: how long inventory-sync gathers a batch.
    public var projectionWindowMs = 200
    /// `LOG_LEVEL`.
    public var logLevel = "info"
    /// `maxmemory` of Redis, in its own notation.
    public var redisMaxMemory = "4gb"
    /// The longest wait for a process to be ready; replaying a log after a crash is part of it.
    public var startLimit: Duration = .seconds(60)
    /// The longest wait after SIGTERM, before SIGKILL.
    public var stopLimit: Duration = .seconds(20)

    /// An installation in `directory`, with the binaries of `binaries` (such as `.build/release`); both absolute.
    public init(directory: String, binaries: String, ports: Ports = .free, external: External = External()) {
        self.directory = directory
        self.binaries = binaries
        self.ports = ports
        self.external = external
    }
}
