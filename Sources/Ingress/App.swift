import Settings
import Telemetry

/// The ingress: HTTP in, Redis decides, Kafka remembers.
@main
struct App {
    static func main() async {
        Telemetry.bootstrap(service: "ingress")
        await Settings.runMain("ingress") {
            try await Ingress(configuration: IngressConfiguration(.environment)).run()
        }
    }
}
