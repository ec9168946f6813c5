import Logging
import PostgresClient
import ServiceLifecycle
import Testing

@Suite struct ServiceTests {
    @Test(.timeLimit(.minutes(1))) func runEndsOnGracefulShutdown() async throws {
        let cluster = try await TestPostgres.shared.value
        let client = PostgresClient(configuration: try PostgresConfiguration(url: cluster.url, poolSize: 2), logger: Logger(label: "test"))
        let group = ServiceGroup(services: [client], logger: Logger(label: "test"))
        let running = Task { try await group.run() }
        try await eventually("connected") { client.status.connected == 2 }
        _ = try await client.query("SELECT 1")
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(client.status.connected == 0)
        #expect(await postgresError { try await client.query("SELECT 1") }?.code == .stopped)
    }
}
