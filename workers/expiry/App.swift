import Settings
import Telemetry

/// expiry: releases cancelled and timed-out holds, and sweeps the outbox.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "expiry")
        await Settings.runMain("expiry") {
            try await Expiry(.environment).run()
        }
    }
}
