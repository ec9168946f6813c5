import Settings
import Telemetry

/// payment: charges and refunds at the gateway, and brings each payment's saga to its end.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "payment")
        await Settings.runMain("payment") {
            try await PaymentWorker(.environment).run()
        }
    }
}
