import Foundation
import LocalStack
import Logging
import Migrations
import PostgresClient

/// A real PostgreSQL with the product's tables, for all tests of the run.
struct TestDatabase: Sendable {
    let database: PostgresClient

    /// Started once; its processes end with this one.
    static let shared = Task { try await TestDatabase() }

    private init() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("ops-\(UUID().uuidString)").path
        Self.folder = directory
        atexit {
            let folder = TestDatabase.folder
            if !folder.isEmpty { try? FileManager.default.removeItem(atPath: folder) }
        }
        let stack = try LocalStack(LocalStackConfiguration(directory: directory, binaries: "/nonexistent"))
        Self.stack = stack
        try await stack.startPostgres()
        let logger = Logger(label: "test")
        database = PostgresClient(configuration: try PostgresConfiguration(url: stack.endpoints.databaseURL, poolSize: 6), logger: logger)
        try database.start()
        _ = try await Migrator(database: database).up()
    }

    // Written once, before anybody reads them: `shared` is one task.
    nonisolated(unsafe) private static var folder = ""
    nonisolated(unsafe) private static var stack: LocalStack?
}
