import Foundation
import LocalStack
import Logging
import Migrations
public import PostgresClient
import Synchronization

/// Databases on one PostgreSQL server, which is started with the first and ends with the process.
public enum TestDatabase {
    private static let folder = Mutex("/nonexistent")
    private static let count = Mutex(0)
    private static let server = Task { () throws -> LocalStack in
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("databases-\(UUID().uuidString)").path
        folder.withLock { $0 = directory }
        atexit { try? FileManager.default.removeItem(atPath: TestDatabase.folder.withLock { $0 }) }
        let stack = try LocalStack(LocalStackConfiguration(directory: directory, binaries: "/nonexistent"))
        try await stack.startPostgres()
        return stack
    }

    /// A database with the product's tables and nothing in them.
    /// - Returns: a client that is started, and where the database is, for other processes.
    public static func fresh() async throws -> (client: PostgresClient, url: String) {
        let first = try await server.value.endpoints.databaseURL
        let name = count.withLock { count in
            count += 1
            return "test_\(count)"
        }
        let main = try client(first, poolSize: 1)
        _ = try await main.query("CREATE DATABASE \(name)")
        await main.shutdown()
        guard var parts = URLComponents(string: first) else { throw URLError(.badURL) }
        parts.path = "/\(name)"
        let url = parts.string ?? first
        let database = try client(url, poolSize: 4)
        _ = try await Migrator(database: database).up()
        return (database, url)
    }

    private static func client(_ url: String, poolSize: Int) throws -> PostgresClient {
        let client = PostgresClient(
            configuration: try PostgresConfiguration(url: url, poolSize: poolSize), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try client.start()
        return client
    }
}
