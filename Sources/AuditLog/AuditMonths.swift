public import Logging
public import PostgresClient
public import ServiceLifecycle

/// Makes the partitions of `audit_logs` ahead of time, so that the first action of a month waits for nothing.
///
/// The writer makes what it needs by itself; this is for quiet beginnings of months, and for those who look whether the months ahead are there.
public struct AuditMonths: Service {
    /// Months ahead of this one.
    public static let ahead = 2
    /// How often it looks.
    public static let interval: Duration = .seconds(3600)
    /// How soon it looks again where PostgreSQL was away.
    private static let pause: Duration = .seconds(30)

    private let database: PostgresClient
    private let logger: Logger

    public init(database: PostgresClient, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Until the worker stops.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await make()
                    try await Task.sleep(for: Self.interval)
                } catch let error as PostgresError {
                    logger.warning("months cannot be made ahead", metadata: ["error": "\(error)"])
                    try await Task.sleep(for: Self.pause)
                }
            }
        }
    }

    /// Makes this month and those ahead where they are missing.
    public func make() async throws(PostgresError) {
        _ = try await database.query(
            "SELECT audit_month((current_date + make_interval(months => n))::date) FROM generate_series(0, $1::int) AS n", [.int(Int64(Self.ahead))])
    }
}
