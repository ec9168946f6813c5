import Foundation
import Telemetry
import Testing

/// `ops/prometheus`, checked by promtool (Debian package `prometheus`, installed by `ops/test`).
struct AlertRulesTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("ops/prometheus")

    /// Runs promtool in the folder.
    private func promtool(_ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
        process.arguments = arguments
        process.currentDirectoryURL = Self.folder
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    @Test func theRulesFireAsTheirOwnTestsSay() throws {
        let result = try promtool("test", "rules", "alerts_test.yaml")
        #expect(result.status == 0, "\(result.output)")
    }

    @Test func rulesAndScrapeConfigurationAreValid() throws {
        let rules = try promtool("check", "rules", "alerts.yaml")
        #expect(rules.status == 0, "\(rules.output)")
        let configuration = try promtool("check", "config", "prometheus.yaml")
        #expect(configuration.status == 0, "\(configuration.output)")
    }

    @Test func rulesUseMetricsThatExistAndEachHasItsTest() throws {
        let rules = try String(contentsOf: Self.folder.appendingPathComponent("alerts.yaml"), encoding: .utf8)
        let tests = try String(contentsOf: Self.folder.appendingPathComponent("alerts_test.yaml"), encoding: .utf8)
        for match in rules.matches(of: /(?:http|zone|kafka|dlq|outbox|redis)_[a-z_]+/) {
            let name = String(match.output)
            let base = name.hasSuffix("_bucket") ? String(name.dropLast("_bucket".count)) : name
            #expect(MetricName.all[base] != nil, "\(name)")
        }
        let alerts = rules.matches(of: /- alert: (\w+)/).map { String($0.output.1) }
        #expect(alerts.count == 12)
        for alert in alerts { #expect(tests.contains("alertname: \(alert)\n"), "\(alert)") }
    }
}
