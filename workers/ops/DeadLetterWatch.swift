import DeadLetters
import Logging
import Metrics
import ServiceLifecycle
import Telemetry
import Topics

/// Keeps the index of dead letters up to date, and says how many are open.
struct DeadLetterWatch: Service {
    /// How often the dead-letter topics are looked at.
    private static let interval: Duration = .seconds(1)

    let desk: DeadLetterDesk
    let logger: Logger

    func run() async throws {
        // Every group has its series from the start: an alert on what never was would stay silent.
        var gauges: [String: Meter] = [:]
        for group in Topic.allCases.compactMap(\.deadLettersOf) { gauges[group] = MetricName.dlqOpenMessages.gauge(group) }
        await cancelWhenGracefulShutdown { [gauges] in
            while !Task.isCancelled {
                do {
                    while try await desk.catchUp() > 0, !Task.isCancelled {}
                    let open = try await desk.openCounts()
                    for (group, gauge) in gauges { gauge.set(Double(open[group] ?? 0)) }
                } catch {
                    logger.debug("the dead letters cannot be counted just now", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }
}

extension Topic {
    /// The group that gives up to this topic; nil for any other topic.
    fileprivate var deadLettersOf: String? {
        let suffix = ".dlq"
        return name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
    }
}
