// swift-tools-version: 6.2
import PackageDescription

// Four floors, imports point down: executables → BookingEngine, WorkerRuntime → lua, topics, migrations → Domain, clients, Telemetry.

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let nioHTTP: [Target.Dependency] =
    nio + [
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
    ]
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "booking-rush",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "embedded-broker", targets: ["EmbeddedBroker"]),
        .executable(name: "ingress", targets: ["Ingress"]),
        .executable(name: "inventory-sync", targets: ["InventorySync"]),
        .executable(name: "expiry", targets: ["Expiry"]),
        .executable(name: "payment", targets: ["PaymentWorker"]),
        .executable(name: "ops", targets: ["OpsWorker"]),
        .executable(name: "queue-release", targets: ["QueueRelease"]),
        .executable(name: "notification", targets: ["NotificationWorker"]),
        .executable(name: "analytics", targets: ["AnalyticsWorker"]),
        .executable(name: "audit", targets: ["AuditWorker"]),
        .executable(name: "payment-simulator", targets: ["PaymentSimulator"]),
        .executable(name: "rushctl", targets: ["rushctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // C libraries, from Debian.
        .systemLibrary(name: "CRdkafka"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CPq"),
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CQrencode"),
        .systemLibrary(name: "CPng"),
        .systemLibrary(name: "CZlib"),
        .target(name: "CLinux"),
        .target(name: "CEpoll"),
        .target(name: "CCrc32c"),

        // Floor four: domain, clients, telemetry.
        .target(name: "Threads", dependencies: ["CLinux"], swiftSettings: strict),
        .target(name: "Domain", swiftSettings: strict),
        .target(name: "Settings", swiftSettings: strict),
        .target(name: "Authentication", dependencies: ["Domain", crypto, jwt], swiftSettings: strict),
        .target(name: "KafkaClient", dependencies: ["CRdkafka", "Threads", log, lifecycle], exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(
            name: "RedisClient", dependencies: ["CHiredis", "CLinux", "Threads", log, lifecycle], exclude: ["NOT_IMPLEMENTED.md"],
            swiftSettings: strict),
        .target(
            name: "PostgresClient", dependencies: ["CPq", "CLinux", "Threads", log, lifecycle], exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict
        ),
        .target(name: "CurlClient", dependencies: ["CCurl", "Threads", lifecycle], exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(name: "PersonalData", dependencies: ["Domain", crypto], exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(
            name: "PaymentGateway", dependencies: ["CurlClient", "Domain", crypto, log, lifecycle], exclude: ["NOT_IMPLEMENTED.md"],
            swiftSettings: strict),
        .target(name: "Telemetry", dependencies: [log, metrics, lifecycle, hummingbird], exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),

        // Floor three: what a binary carries inside it.
        .target(name: "LuaScripts", dependencies: ["RedisClient"], path: "lua", resources: [.embedInCode("scripts")], swiftSettings: strict),
        .target(
            name: "Topics", dependencies: ["KafkaClient", yams], path: "topics", exclude: ["asyncapi.yaml"], resources: [.embedInCode("topics.yaml")],
            swiftSettings: strict),
        .target(name: "Migrations", dependencies: ["PostgresClient"], path: "migrations", resources: [.embedInCode("sql")], swiftSettings: strict),

        .target(
            name: "Tickets", dependencies: ["CPng", "CQrencode", "Domain", "PostgresClient", "Settings", crypto, mustache],
            exclude: ["NOT_IMPLEMENTED.md"],
            resources: [.embedInCode("Pages/ticket.css"), .embedInCode("Pages/ticket.html")], swiftSettings: strict),

        // Floor two.
        .target(name: "Projections", dependencies: ["Domain", "Topics", "KafkaClient", "PostgresClient"], swiftSettings: strict),
        .target(
            name: "Analytics", dependencies: ["Domain", "Projections", "Topics", "KafkaClient", "PostgresClient", log],
            exclude: ["NOT_IMPLEMENTED.md"],
            swiftSettings: strict),
        .target(
            name: "AuditLog",
            dependencies: ["CZlib", "Domain", "Settings", "Topics", "KafkaClient", "PostgresClient", crypto, log, lifecycle],
            exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(
            name: "DeadLetters", dependencies: ["Domain", "Topics", "KafkaClient", "PostgresClient", log], exclude: ["NOT_IMPLEMENTED.md"],
            swiftSettings: strict),
        .target(
            name: "Replays", dependencies: ["Analytics", "Domain", "Projections", "Topics", "KafkaClient", "PostgresClient", log],
            exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(
            name: "BookingEngine",
            dependencies: ["Domain", "LuaScripts", "Topics", "RedisClient", "KafkaClient", "Telemetry", log, metrics, lifecycle],
            exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(
            name: "WorkerRuntime",
            dependencies: ["Domain", "Topics", "KafkaClient", "RedisClient", "PostgresClient", "Telemetry", log, metrics, lifecycle],
            exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),

        .target(name: "Lag", dependencies: ["KafkaClient", "Topics", "Telemetry", log, metrics, lifecycle], swiftSettings: strict),

        .target(
            name: "Recovery",
            dependencies: ["BookingEngine", "Domain", "LuaScripts", "Topics", "RedisClient", "KafkaClient", "PostgresClient", log, lifecycle],
            exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),

        // Floor one: executables.
        .executableTarget(
            name: "Ingress",
            dependencies: [
                "AuditLog", "Analytics", "Authentication", "BookingEngine", "DeadLetters", "Domain", "KafkaClient", "Lag", "PaymentGateway",
                "RedisClient", "Replays",
                "PostgresClient", "Settings",
                "Telemetry", "Tickets",
                "Topics", hummingbird, crypto, log, metrics, lifecycle,
            ] + nioHTTP,
            swiftSettings: strict),
        .executableTarget(
            name: "InventorySync",
            dependencies: [
                "WorkerRuntime", "BookingEngine", "Domain", "PostgresClient", "KafkaClient", "Projections", "Settings", "Topics", "Telemetry", log,
                metrics, lifecycle,
            ],
            path: "workers/inventory-sync", swiftSettings: strict),
        .executableTarget(
            name: "Expiry",
            dependencies: [
                "WorkerRuntime", "BookingEngine", "Domain", "Recovery", "RedisClient", "PostgresClient", "KafkaClient", "Settings", "Topics",
                "Telemetry", log,
                lifecycle,
            ],
            path: "workers/expiry", swiftSettings: strict),
        .executableTarget(
            name: "PaymentWorker",
            dependencies: [
                "WorkerRuntime", "BookingEngine", "Domain", "PaymentGateway", "RedisClient", "PostgresClient", "KafkaClient", "Settings", "Topics",
                "Telemetry", log, metrics, lifecycle,
            ],
            path: "workers/payment", exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .executableTarget(
            name: "NotificationWorker",
            dependencies: [
                "WorkerRuntime", "CurlClient", "Domain", "PersonalData", "PostgresClient", "KafkaClient", "Settings", "Tickets", "Topics",
                "Telemetry", crypto, mustache, log, metrics, lifecycle,
            ],
            path: "workers/notification", exclude: ["NOT_IMPLEMENTED.md"], resources: [.embedInCode("templates")], swiftSettings: strict),
        .executableTarget(
            name: "OpsWorker",
            dependencies: [
                "WorkerRuntime", "BookingEngine", "DeadLetters", "Domain", "Lag", "RedisClient", "Replays", "PostgresClient", "KafkaClient",
                "Settings",
                "Topics", "Telemetry", log, metrics, lifecycle,
            ],
            path: "workers/ops", swiftSettings: strict),
        .executableTarget(
            name: "QueueRelease",
            dependencies: [
                "WorkerRuntime", "BookingEngine", "Domain", "RedisClient", "KafkaClient", "Settings", "Topics", "Telemetry", log, metrics, lifecycle,
            ],
            path: "workers/queue-release", swiftSettings: strict),
        .executableTarget(
            name: "AnalyticsWorker",
            dependencies: [
                "Analytics", "WorkerRuntime", "Domain", "PostgresClient", "KafkaClient", "Settings", "Topics", "Telemetry", log, lifecycle,
            ],
            path: "workers/analytics", swiftSettings: strict),
        .executableTarget(
            name: "AuditWorker",
            dependencies: [
                "AuditLog", "WorkerRuntime", "PostgresClient", "KafkaClient", "Settings", "Topics", "Telemetry", log, lifecycle,
            ],
            path: "workers/audit", swiftSettings: strict),
        .executableTarget(
            name: "EmbeddedBroker", dependencies: ["CCrc32c", "Threads", arguments, log, lifecycle] + nio, exclude: ["NOT_IMPLEMENTED.md"],
            swiftSettings: strict),
        .executableTarget(
            name: "PaymentSimulator",
            dependencies: [
                "CurlClient", "Domain", "Threads", arguments, crypto, log, lifecycle, .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(name: "LocalStack", dependencies: ["Threads", log] + nio, exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .target(
            name: "Fleet", dependencies: ["Lag", "LocalStack", "Topics", hummingbird, yams, log], exclude: ["NOT_IMPLEMENTED.md"],
            swiftSettings: strict),
        .target(name: "LoadGenerator", dependencies: ["CEpoll", "Threads", histogram], exclude: ["NOT_IMPLEMENTED.md"], swiftSettings: strict),
        .executableTarget(
            name: "rushctl",
            dependencies: [
                "AuditLog", "Analytics", "Authentication", "BookingEngine", "DeadLetters", "Domain", "Fleet", "KafkaClient", "Lag", "LoadGenerator",
                "LocalStack",
                "Migrations", "PersonalData", "PostgresClient",
                "Recovery", "RedisClient", "Replays",
                "Settings", "Telemetry", "Topics", arguments, crypto, lifecycle, log,
            ],
            swiftSettings: strict),

        // Tests.
        .testTarget(name: "DomainTests", dependencies: ["Domain"], swiftSettings: strict),
        .testTarget(name: "TicketsTests", dependencies: ["Tickets", "Domain", "Settings"], swiftSettings: strict),
        .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: strict),
        .testTarget(
            name: "IngressTests",
            dependencies: [
                "Ingress", "Domain", "KafkaClient", "PaymentGateway", hummingbird, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "HTTPTypes", package: "swift-http-types"), log,
            ],
            swiftSettings: strict),
        .testTarget(name: "AuthenticationTests", dependencies: ["Authentication", "Domain", jwt], swiftSettings: strict),
        .testTarget(name: "RedisClientTests", dependencies: ["RedisClient", log, lifecycle], swiftSettings: strict),
        .testTarget(name: "PostgresClientTests", dependencies: ["PostgresClient", log, lifecycle], swiftSettings: strict),
        .target(name: "HTTPTestSupport", path: "Tests/HTTPTestSupport", swiftSettings: strict),
        .testTarget(name: "CurlClientTests", dependencies: ["CurlClient", "HTTPTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "PaymentGatewayTests", dependencies: ["PaymentGateway", "PaymentSimulator", "CurlClient", "HTTPTestSupport", "Domain", log],
            swiftSettings: strict),
        .target(name: "KafkaTestSupport", dependencies: ["KafkaClient", "CRdkafka", log], path: "Tests/KafkaTestSupport", swiftSettings: strict),
        .testTarget(name: "KafkaClientTests", dependencies: ["KafkaClient", "CRdkafka", "KafkaTestSupport", log], swiftSettings: strict),
        .testTarget(name: "ConformanceTests", dependencies: ["KafkaClient", "KafkaTestSupport", "Lag", log], swiftSettings: strict),
        .testTarget(name: "TopicsTests", dependencies: ["Topics", "Domain", "KafkaClient", "KafkaTestSupport", yams], swiftSettings: strict),
        .testTarget(
            name: "WorkerRuntimeTests",
            dependencies: ["WorkerRuntime", "Domain", "Topics", "KafkaClient", "KafkaTestSupport", "PostgresClient", "Telemetry", log, lifecycle],
            swiftSettings: strict),
        .target(
            name: "DatabaseTestSupport", dependencies: ["LocalStack", "Migrations", "PostgresClient", log], path: "Tests/DatabaseTestSupport",
            swiftSettings: strict),
        .testTarget(
            name: "DeadLettersTests",
            dependencies: [
                "DeadLetters", "WorkerRuntime", "Domain", "Topics", "KafkaClient", "KafkaTestSupport", "PostgresClient", "DatabaseTestSupport",
                "Telemetry", lifecycle, log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PaymentWorkerTests",
            dependencies: [
                "PaymentWorker", "WorkerRuntime", "BookingEngine", "Domain", "PaymentGateway", "RedisClient", "PostgresClient", "KafkaClient",
                "Migrations", "LocalStack", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AuditTests",
            dependencies: [
                "AuditLog", "AuditWorker", "WorkerRuntime", "Domain", "Topics", "KafkaClient", "KafkaTestSupport", "PostgresClient", "Migrations",
                "LocalStack", "Telemetry", lifecycle, log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "OpsWorkerTests",
            dependencies: [
                "OpsWorker", "WorkerRuntime", "BookingEngine", "Domain", "PostgresClient", "KafkaClient", "Migrations", "LocalStack", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "QueueReleaseTests",
            dependencies: [
                "QueueRelease", "WorkerRuntime", "BookingEngine", "Recovery", "Domain", "RedisClient", "KafkaClient", "KafkaTestSupport", "Topics",
                "LocalStack", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AnalyticsTests",
            dependencies: [
                "Analytics", "AnalyticsWorker", "WorkerRuntime", "Projections", "Domain", "Topics", "KafkaClient", "KafkaTestSupport",
                "PostgresClient", "Migrations", "LocalStack", "DatabaseTestSupport", "Telemetry", log,
            ],
            swiftSettings: strict),
        .testTarget(name: "PersonalDataTests", dependencies: ["PersonalData", "Domain"], swiftSettings: strict),
        .testTarget(
            name: "NotificationTests",
            dependencies: [
                "NotificationWorker", "BookingEngine", "DatabaseTestSupport", "Settings", "WorkerRuntime", "CurlClient", "CCurl", "Domain",
                "PersonalData", "PostgresClient", "KafkaClient", "Migrations", "HTTPTestSupport", "KafkaTestSupport", "LocalStack", "Telemetry",
                "Tickets", "Topics", crypto, lifecycle, log,
            ],
            swiftSettings: strict),
        .testTarget(name: "LagTests", dependencies: ["Lag", "KafkaClient", "KafkaTestSupport", "Telemetry", "Topics", log], swiftSettings: strict),
        .testTarget(
            name: "ReplaysTests",
            dependencies: [
                "Analytics", "Replays", "Projections", "Domain", "Topics", "KafkaClient", "KafkaTestSupport", "PostgresClient", "DatabaseTestSupport",
                log,
            ],
            swiftSettings: strict),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", log, metrics], swiftSettings: strict),
        .testTarget(name: "LocalStackTests", dependencies: ["LocalStack"] + nio, swiftSettings: strict),
        .testTarget(
            name: "FleetTests", dependencies: ["Fleet", "Lag", "LocalStack", "Topics", yams], exclude: ["Schemas"], swiftSettings: strict),
        .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator"] + nio, swiftSettings: strict),
        .testTarget(name: "EmbeddedBrokerTests", dependencies: ["EmbeddedBroker", "CCrc32c", "CRdkafka", log] + nio, swiftSettings: strict),
        .testTarget(
            name: "RecoveryTests",
            dependencies: [
                "Recovery", "BookingEngine", "Projections", "Domain", "Topics", "RedisClient", "KafkaClient", "KafkaTestSupport", "PostgresClient",
                "Migrations", "LocalStack", log,
            ],
            swiftSettings: strict),
        .testTarget(name: "BookingEngineTests", dependencies: ["BookingEngine", "Domain", "LocalStack", "RedisClient", log], swiftSettings: strict),
        .target(name: "TestSupport", dependencies: ["LocalStack", "LoadGenerator", log], path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests", dependencies: ["TestSupport", "LocalStack", "LoadGenerator"], path: "Tests/EndToEnd", swiftSettings: strict),
        .testTarget(name: "FaultTests", dependencies: ["TestSupport", "LocalStack"], path: "Tests/Faults", swiftSettings: strict),
    ]
)
