import Settings
import Telemetry

/// analytics: keeps what happened, and counts it by event, minute and day.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "analytics")
        await Settings.runMain("analytics") {
            try await AnalyticsWorker(.environment).run()
        }
    }
}
