import Settings

/// The ingress: HTTP in, Redis decides, Kafka remembers.
@main
struct App {
    static func main() async {
        await Settings.runMain("ingress") {
            try await Ingress(configuration: IngressConfiguration(.environment)).run()
        }
    }
}
