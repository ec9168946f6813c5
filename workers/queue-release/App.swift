import Settings
import Telemetry

/// queue-release: admits people from the lines, and switches them.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "queue-release")
        await Settings.runMain("queue-release") {
            try await QueueRelease(.environment).run()
        }
    }
}
