import Settings
import Telemetry

/// ops: the jobs of operators, what is open among the dead letters, and the lag of every group.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "ops")
        await Settings.runMain("ops") {
            try await OpsWorker(.environment).run()
        }
    }
}
