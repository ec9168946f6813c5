import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// `rushctl lag` where it does not end by itself.
    @Suite struct LagTool {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        /// Runs it until a signal after some seconds; how it ends itself is the exit code.
        private func lag(_ arguments: [String], until signal: String, seconds: Int) async throws -> Command.Output {
            try await Command.run(
                "/usr/bin/timeout", ["--preserve-status", "-s", signal, "\(seconds)", "\(try Binaries.folder())/rushctl", "lag"] + arguments,
                environment: try Installation.toolEnvironment(installation.stack))
        }

        @Test func watchedItIsShownAgainAndAgainUntilCtrlC() async throws {
            let shown = try await lag(["--watch", "--json", "--interval", "0.2", "--group", "payment"], until: "INT", seconds: 8)
            #expect(shown.status == 0, "\(shown.errors)")
            let looks = try shown.text.split(separator: "\n").map { try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) }
            #expect(looks.count >= 2)
            #expect(looks.allSatisfy { $0["groups"].array?.map { $0["group"].string } == ["payment"] && $0["ok"].bool != nil }, "\(shown.text)")
            // What is not known is null, not absent.
            let partition = try #require(looks.last?["groups"][0]["partitions"][0])
            #expect(partition["messages"].int != nil && partition["topic"].string != nil)
            let table = try await lag(["--watch", "--interval", "0.2", "--group", "payment"], until: "TERM", seconds: 7)
            #expect(table.status == 0 && table.text.split(separator: "\n").count { $0.hasPrefix("GROUP") } >= 2, "\(table.text)\(table.errors)")
        }

        @Test func itsExporterServesWhatPrometheusReads() async throws {
            let port = Int.random(in: 21_000..<30_000)
            let exporter = Task { try await lag(["--exporter", "--port", "\(port)", "--interval", "0.2"], until: "TERM", seconds: 30) }
            let probe = HTTPProbe(port: port)
            var metrics = ""
            try await waitUntil("every group of a worker has its lag") {
                metrics = (try? await probe.get("/metrics"))?.text ?? ""
                // A test before this one may have taken the broker away, and the groups come back one by one.
                return Installation.workers.allSatisfy { metrics.contains("kafka_consumer_lag{group=\"\($0)\"") }
                    && metrics.contains("kafka_consumer_members{group=\"payment\"} 1")
            }
            #expect(metrics.contains("kafka_consumer_status{group=\"payment\""))
            try await waitUntil("the last look at Kafka is fresh", limit: .seconds(6)) { try await probe.get("/ready").status == 200 }
            #expect(try await exporter.value.status == 0)
        }
    }
}
