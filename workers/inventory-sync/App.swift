import Settings
import Telemetry

/// inventory-sync: projects bookings and zone counts to PostgreSQL.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "inventory-sync")
        await Settings.runMain("inventory-sync") {
            try await InventorySync(.environment).run()
        }
    }
}
