import Settings
import Telemetry

/// notification: tells people by mail, SMS and push what became of their bookings, payments and places in line.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "notification")
        await Settings.runMain("notification") {
            try await NotificationWorker(.environment).run()
        }
    }
}
