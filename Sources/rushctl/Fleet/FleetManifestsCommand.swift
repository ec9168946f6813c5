import ArgumentParser
import Fleet
import Foundation

/// `rushctl fleet manifests`.
struct FleetManifestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifests", abstract: "Prints the fleet for Kubernetes: a Deployment and a KEDA ScaledObject for each worker.",
        discussion: """
            Made of the same file as the fleet: `rushctl fleet manifests | kubectl apply -f -`. Needs KEDA 2, and a ConfigMap and a Secret (--settings) with \
            the variables of .env.example. The autoscaler decides as the fleet does: more at once, one fewer in a cool-down, none while a lag is unknown. It \
            takes the trigger that asks for most, so a worker with several topics is scaled by the one that is furthest behind, where the fleet adds them up. \
            Deployments have no replicas: the autoscaler sets them, and applying again resets nothing.
            """)

    @Option(help: "The file that says how many copies; ops/fleet.yaml in the repository when absent.")
    var file: String?

    @Option(help: "The namespace; kubectl's own when absent.")
    var namespace: String?

    @Option(help: "The image that has the binaries in /usr/local/bin.")
    var image = "booking-rush:latest"

    @Option(help: "The ConfigMap and the Secret with the settings.")
    var settings = "booking-rush"

    @Option(help: "Prometheus, as the cluster reaches it; with it the file's seconds count as well.")
    var prometheus: String?

    @Flag(help: "Print one JSON List instead of YAML.")
    var json = false

    func run() async throws {
        do {
            let manifests = try FleetManifests(
                plan: try FleetHost.file(file).plan(),
                options: .init(namespace: namespace, image: image, settings: settings, prometheus: prometheus))
            print(json ? String(decoding: try manifests.json(), as: UTF8.self) : try manifests.yaml(), terminator: json ? "\n" : "")
        } catch {
            Output.progress("rushctl fleet manifests: \(error)")
            throw ExitCode(1)
        }
    }
}
