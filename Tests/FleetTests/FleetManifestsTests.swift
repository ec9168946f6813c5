import Foundation
import LocalStack
import Testing
import Topics
import Yams

@testable import Fleet

struct FleetManifestsTests {
    private static let everything = FleetManifests.Options(
        namespace: "rush", image: "registry.example/booking-rush:1.2", settings: "rush-settings", prometheus: "http://prometheus:9090")

    private func plan() throws -> FleetPlan { try FleetPlan(path: FleetPlanTests.repository + "/ops/fleet.yaml") }

    private func items(_ plan: FleetPlan, _ options: FleetManifests.Options = .init()) throws -> [JSONValue] {
        let list = try JSONDecoder().decode(JSONValue.self, from: try FleetManifests(plan: plan, options: options).json())
        #expect(list["apiVersion"].string == "v1" && list["kind"].string == "List")
        return list["items"].array ?? []
    }

    @Test(arguments: [FleetManifests.Options(), everything])
    func everyObjectIsWhatItsSchemaWants(_ options: FleetManifests.Options) throws {
        var plan = try plan()
        plan.workers[1].environment = ["PAYMENT_CONCURRENCY": "64", "LOG_LEVEL": "yes"]
        plan.workers[2].coolDown = .seconds(86_400)
        let schemas = ["Deployment": try JSONSchema(named: "deployment"), "ScaledObject": try JSONSchema(named: "scaledobject")]
        let items = try items(plan, options)
        #expect(items.map { $0["kind"].string } == plan.workers.flatMap { _ in ["Deployment", "ScaledObject"] })
        for item in items {
            let schema = try #require(schemas[item["kind"].string ?? ""])
            #expect(schema.faults(in: item) == [])
        }
    }

    @Test func theSchemasFindWhatIsWrong() throws {
        let schema = try JSONSchema(named: "scaledobject")
        let text = String(decoding: try FleetManifests(plan: FleetPlan(workers: [try plan().workers[0]])).json(), as: UTF8.self)
        let changes = [
            ("\"minReplicaCount\" : 2", "\"minReplicaCount\" : \"2\""), ("minReplicaCount", "minReplicas"), ("\"500\"", "500"),
            ("\"Pods\"", "\"Pod\""),
            ("\"periodSeconds\" : 60", "\"periodSeconds\" : 3600"), ("\"type\" : \"kafka\"", "\"type\" : \"kafqa\""),
            ("keda.sh/v1alpha1", "keda.sh/v1"), ("consumerGroup", "group"),
        ]
        for (old, new) in changes {
            let list = try JSONDecoder().decode(JSONValue.self, from: Data(text.replacing(old, with: new).utf8))
            #expect(!schema.faults(in: list["items"][1]).isEmpty, "\(new) is not found")
        }
    }

    @Test func theYAMLIsTheSameAsTheJSON() throws {
        let plan = try plan()
        let yaml = try FleetManifests(plan: plan, options: Self.everything).yaml()
        let objects = try Yams.compose_all(yaml: yaml).map { Self.value($0) }
        #expect(objects == (try items(plan, Self.everything)))
        // The same file makes the same text, so that a diff shows what changed.
        #expect(yaml == (try FleetManifests(plan: plan, options: Self.everything).yaml()))
    }

    @Test func whatIsCheckedInIsMadeOfTheFile() throws {
        let path = "ops/kubernetes/workers.yaml"
        let kept = try String(contentsOfFile: "\(FleetPlanTests.repository)/\(path)", encoding: .utf8)
        let isSame = try FleetManifests(plan: plan()).yaml() == kept
        #expect(isSame, "\(path) is not what ops/fleet.yaml says; make it anew: ops/rushctl fleet manifests > \(path)")
    }

    @Test func figuresAreThoseOfTheFile() throws {
        var plan = try plan()
        plan.workers = [
            WorkerPlan(
                name: "payment", topics: [.paymentCommands, .bookingEvents], messages: 700, seconds: 30, minimum: 3, maximum: 40,
                coolDown: .seconds(90))
        ]
        let items = try items(plan, Self.everything)
        let spec = items[1]["spec"]
        // 12 partitions.
        #expect(spec["minReplicaCount"].int == 3 && spec["maxReplicaCount"].int == 12 && spec["pollingInterval"].int == 5)
        #expect(spec["scaleTargetRef"]["name"] == items[0]["metadata"]["name"])
        let down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        #expect(
            down["stabilizationWindowSeconds"].int == 90 && down["policies"][0]["periodSeconds"].int == 90 && down["policies"][0]["value"].int == 1)
        let triggers = try #require(spec["triggers"].array)
        #expect(triggers.map { $0["type"].string } == ["kafka", "kafka", "prometheus"])
        #expect(triggers[0]["metadata"]["topic"].string == "payment.commands" && triggers[0]["metadata"]["lagThreshold"].string == "700")
        #expect(
            triggers[2]["metadata"]["query"].string
                == #"max(kafka_consumer_lag_seconds{group="payment",topic=~"payment\\.commands|booking\\.events"})"#)
        let pod = items[0]["spec"]["template"]["spec"]
        #expect(pod["terminationGracePeriodSeconds"].int == 20 && pod["containers"][0]["image"].string == "registry.example/booking-rush:1.2")
        // The autoscaler's, and the pods'.
        #expect(items[0]["spec"]["replicas"].isNull)
        #expect(pod["containers"][0]["env"].array?.contains { $0["name"].string == "WORKER_INSTANCE_ID" } == false)
    }

    private static func value(_ node: Node) -> JSONValue {
        switch node {
        case .mapping(let mapping): .object(Dictionary(uniqueKeysWithValues: mapping.map { ($0.key.string ?? "", value($0.value)) }))
        case .sequence(let sequence): .array(sequence.map { value($0) })
        case .scalar(let scalar): node.bool.map { .bool($0) } ?? node.int.map { .int($0) } ?? .string(scalar.string)
        case .alias: .null
        }
    }
}
