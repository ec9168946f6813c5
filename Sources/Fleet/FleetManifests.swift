public import Foundation
import Topics
import Yams

/// The plan for Kubernetes: for each worker a Deployment, and a ScaledObject with which KEDA decides as the supervisor does.
///
/// More copies come at once, one goes in a cool-down. Where a trigger cannot tell the lag, the autoscaler takes none away: there is no `fallback`. Copies have
/// no `WORKER_INSTANCE_ID`, since a Deployment's pods have a new name each time; they leave the group when they are stopped.
public struct FleetManifests: Sendable {
    /// What the installation is called there.
    public struct Options: Sendable {
        /// Of every object; nil leaves it to `kubectl`.
        public var namespace: String?
        /// The image that has all binaries in `/usr/local/bin`.
        public var image: String
        /// The ConfigMap and the Secret with the variables of `.env.example`; both optional to fill, they must exist.
        public var settings: String
        /// Prometheus that scrapes `kafka_consumer_lag_seconds`, for the figures in seconds; nil leaves those out.
        public var prometheus: String?

        /// The usual names.
        public init(namespace: String? = nil, image: String = "booking-rush:latest", settings: String = "booking-rush", prometheus: String? = nil) {
            self.namespace = namespace
            self.image = image
            self.settings = settings
            self.prometheus = prometheus
        }
    }

    /// `/metrics`, `/health` and `/ready` of every pod.
    private static let metricsPort = 9_100
    /// What Kubernetes takes for the period of a policy, and for a window, in seconds.
    private static let (longestPeriod, longestWindow) = (1_800, 3_600)

    private let plan: FleetPlan
    private let options: Options
    private let partitions: [Topic: Int]

    /// - Throws: what makes the declared topics unreadable.
    public init(plan: FleetPlan, options: Options = Options()) throws {
        self.plan = plan
        self.options = options
        partitions = Dictionary(try TopicCatalogue.load().topics.map { ($0.topic, $0.partitions) }) { first, _ in first }
    }

    /// Every object as one YAML stream, for `kubectl apply -f -`.
    public func yaml() throws -> String {
        let encoder = YAMLEncoder()
        encoder.options.sortKeys = true
        return try plan.workers.map { worker in
            let objects = [try encoder.encode(deployment(of: worker)), try encoder.encode(scaledObject(of: worker))]
            return objects.map { "---\n\($0)" }.joined()
        }.joined()
    }

    /// Every object as one JSON `List`, which `kubectl` takes as well.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(List(items: plan.workers.flatMap { [.deployment(deployment(of: $0)), .scaledObject(scaledObject(of: $0))] }))
    }

    private struct List: Encodable {
        let apiVersion = "v1"
        let kind = "List"
        let items: [Item]
    }

    private enum Item: Encodable {
        case deployment(Kubernetes.Deployment)
        case scaledObject(Kubernetes.ScaledObject)

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .deployment(let object): try object.encode(to: encoder)
            case .scaledObject(let object): try object.encode(to: encoder)
            }
        }
    }

    private func labels(of worker: WorkerPlan) -> [String: String] {
        ["app.kubernetes.io/name": worker.name, "app.kubernetes.io/part-of": "booking-rush"]
    }

    private func metadata(of worker: WorkerPlan) -> Kubernetes.Metadata {
        .init(name: worker.name, namespace: options.namespace, labels: labels(of: worker))
    }

    private func deployment(of worker: WorkerPlan) -> Kubernetes.Deployment {
        let labels = labels(of: worker)
        let variables = worker.environment.merging(["METRICS_PORT": "\(Self.metricsPort)"]) { $1 }
        let container = Kubernetes.Container(
            name: worker.name, image: options.image, command: ["/usr/local/bin/\(worker.name)"],
            env: variables.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value) },
            envFrom: [.init(configMapRef: .init(name: options.settings)), .init(secretRef: .init(name: options.settings))],
            ports: [.init(name: "metrics", containerPort: Self.metricsPort)],
            readinessProbe: .init(httpGet: .init(path: "/ready", port: "metrics"), periodSeconds: 5, failureThreshold: 2),
            livenessProbe: .init(httpGet: .init(path: "/health", port: "metrics"), periodSeconds: 10, failureThreshold: 3))
        return .init(
            metadata: metadata(of: worker),
            spec: .init(
                selector: .init(matchLabels: labels),
                template: .init(
                    metadata: .init(labels: labels),
                    spec: .init(terminationGracePeriodSeconds: seconds(plan.drain), containers: [container]))))
    }

    private func scaledObject(of worker: WorkerPlan) -> Kubernetes.ScaledObject {
        let most = max(1, min(worker.maximum, worker.topics.compactMap { partitions[$0] }.max() ?? worker.maximum))
        let coolDown = seconds(worker.coolDown)
        let behavior = Kubernetes.ScaledObject.Behavior(
            scaleUp: .init(stabilizationWindowSeconds: 0, policies: [.init(value: most, periodSeconds: seconds(plan.sample))]),
            scaleDown: .init(
                stabilizationWindowSeconds: min(coolDown, Self.longestWindow),
                policies: [.init(value: 1, periodSeconds: min(coolDown, Self.longestPeriod))]))
        return .init(
            metadata: metadata(of: worker),
            spec: .init(
                scaleTargetRef: .init(name: worker.name), pollingInterval: seconds(plan.sample), minReplicaCount: min(worker.minimum, most),
                maxReplicaCount: most, advanced: .init(horizontalPodAutoscalerConfig: .init(behavior: behavior)), triggers: triggers(of: worker)))
    }

    private func triggers(of worker: WorkerPlan) -> [Kubernetes.ScaledObject.Trigger] {
        var triggers = worker.topics.map { topic in
            Kubernetes.ScaledObject.Trigger(
                type: "kafka",
                metadata: [
                    "bootstrapServersFromEnv": "KAFKA_BOOTSTRAP_SERVERS", "consumerGroup": worker.group, "topic": topic.name,
                    "lagThreshold": "\(worker.messages)", "offsetResetPolicy": "earliest", "allowIdleConsumers": "false",
                ])
        }
        if let prometheus = options.prometheus, let figure = worker.seconds {
            let topics = worker.topics.map { $0.name.replacing(".", with: #"\\."#) }.joined(separator: "|")
            triggers.append(
                .init(
                    type: "prometheus",
                    metadata: [
                        "serverAddress": prometheus, "query": #"max(kafka_consumer_lag_seconds{group="\#(worker.group)",topic=~"\#(topics)"})"#,
                        // An answer without a value is an unknown lag, not none.
                        "threshold": "\(figure)", "ignoreNullValues": "false",
                    ]))
        }
        return triggers
    }

    private func seconds(_ duration: Duration) -> Int { max(1, Int((duration / .seconds(1)).rounded(.up))) }
}
