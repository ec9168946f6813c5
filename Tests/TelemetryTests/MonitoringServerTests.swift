import Foundation
import Logging
import Synchronization
import Testing

@testable import Telemetry

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite struct MonitoringServerTests {
    @Test(.timeLimit(.minutes(1))) func answersMetricsHealthAndReadiness() async throws {
        let registry = PrometheusRegistry()
        MetricName.httpRequests.counter("GET", "/x", "200", in: registry).increment()
        let isReady = Atomic<Bool>(false)
        let (ports, portFound) = AsyncStream<Int>.makeStream()
        let server = MonitoringServer(
            service: "expiry", host: "127.0.0.1", port: 0, registry: registry, logger: Logger(label: "test"),
            onListening: { portFound.yield($0) }
        ) {
            let ready = isReady.load(ordering: .relaxed)
            return Readiness(isReady: ready, dependencies: [.init("redis", ready ? .up : .down), .init("kafka", .degraded)])
        }
        let running = Task { try await server.run() }
        defer { running.cancel() }
        let port = try #require(await ports.first { _ in true })

        let metrics = try await get(port, "metrics")
        #expect(metrics.status == 200)
        #expect(metrics.type == "text/plain; version=0.0.4; charset=utf-8")
        #expect(metrics.body.contains("http_requests_total{method=\"GET\",route=\"/x\",status=\"200\"} 1\n"))
        let health = try await get(port, "health")
        #expect(health.status == 200)
        #expect(health.body == "{\"status\":\"up\",\"service\":\"expiry\"}")
        let notReady = try await get(port, "ready")
        #expect(notReady.status == 503)
        #expect(notReady.body == "{\"status\":\"not_ready\",\"dependencies\":{\"redis\":\"down\",\"kafka\":\"degraded\"}}")
        isReady.store(true, ordering: .relaxed)
        #expect(try await get(port, "ready").status == 200)

        let second = MonitoringServer(service: "expiry", host: "127.0.0.1", port: port, registry: registry) { Readiness(isReady: true) }
        await #expect(throws: TelemetryError.self) { try await second.run() }
    }

    private func get(_ port: Int, _ path: String) async throws -> (status: Int, type: String, body: String) {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/\(path)"))
        let (data, response) = try await URLSession.shared.data(from: url)
        let http = try #require(response as? HTTPURLResponse)
        return (http.statusCode, http.value(forHTTPHeaderField: "content-type") ?? "", String(decoding: data, as: UTF8.self))
    }
}
