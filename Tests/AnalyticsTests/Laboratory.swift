import DatabaseTestSupport
import Domain
import Logging
import PostgresClient

@testable import Analytics

/// A database with the product's tables and nothing in them.
struct Laboratory: Sendable {
    let database: PostgresClient
    let url: String

    static func with(_ body: (Laboratory) async throws -> Void) async throws {
        let (database, url) = try await TestDatabase.fresh()
        let laboratory = Laboratory(database: database, url: url)
        do {
            try await body(laboratory)
            await database.shutdown()
        } catch {
            await database.shutdown()
            throw error
        }
    }

    static func client(_ url: String) throws -> PostgresClient {
        let database = PostgresClient(configuration: try PostgresConfiguration(url: url, poolSize: 4), logger: .quiet)
        try database.start()
        return database
    }

    func writer(now: Timestamp) -> AnalyticsWriter { AnalyticsWriter(database: database, now: { now }) }

    /// The tables' figures.
    func figures(_ table: FigureTables.Table) async throws -> [FigureKey: Figures] {
        try await database.withConnection { try FigureTables(schema: "public").read(table, from: Timestamp(ms: 0), on: $0) }
    }

    func count(_ sql: String) async throws -> Int64 { try await database.query("SELECT count(*) AS count FROM \(sql)")[0].int64("count") }
}

extension Logger {
    /// Says nothing.
    static var quiet: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
