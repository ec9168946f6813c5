import Settings
import Telemetry

/// audit: keeps who did what to what, in rows that nobody changes unseen.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "audit")
        await Settings.runMain("audit") {
            try await AuditWorker(.environment).run()
        }
    }
}
