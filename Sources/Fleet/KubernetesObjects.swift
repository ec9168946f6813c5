/// What `rushctl fleet manifests` writes of Kubernetes' objects: no more than is set (`apps/v1`, Kubernetes 1.34; members in the order in which they are printed).
enum Kubernetes {
    struct Metadata: Encodable {
        var name: String?
        var namespace: String?
        var labels: [String: String]
    }

    struct Deployment: Encodable {
        let apiVersion = "apps/v1"
        let kind = "Deployment"
        let metadata: Metadata
        let spec: Spec

        /// Without `replicas`: they are the autoscaler's, and applying the file again must not reset them.
        struct Spec: Encodable {
            let selector: Selector
            let strategy = Strategy()
            let template: Template
        }

        struct Selector: Encodable {
            let matchLabels: [String: String]
        }

        struct Strategy: Encodable {
            struct RollingUpdate: Encodable {
                let maxSurge = 1
                let maxUnavailable = 0
            }
            let type = "RollingUpdate"
            let rollingUpdate = RollingUpdate()
        }

        struct Template: Encodable {
            let metadata: Metadata
            let spec: PodSpec
        }
    }

    struct PodSpec: Encodable {
        let terminationGracePeriodSeconds: Int
        let containers: [Container]
    }

    struct Container: Encodable {
        let name: String
        let image: String
        let command: [String]
        let env: [Variable]
        let envFrom: [Source]
        let ports: [Port]
        let readinessProbe: Probe
        let livenessProbe: Probe
    }

    struct Variable: Encodable {
        let name: String
        let value: String
    }

    struct Source: Encodable {
        struct Reference: Encodable { let name: String }
        var configMapRef: Reference?
        var secretRef: Reference?
    }

    struct Port: Encodable {
        let name: String
        let containerPort: Int
    }

    struct Probe: Encodable {
        struct Get: Encodable {
            let path: String
            let port: String
        }
        let httpGet: Get
        let periodSeconds: Int
        let failureThreshold: Int
    }

    /// KEDA 2 (`keda.sh/v1alpha1`).
    struct ScaledObject: Encodable {
        let apiVersion = "keda.sh/v1alpha1"
        let kind = "ScaledObject"
        let metadata: Metadata
        let spec: Spec

        struct Spec: Encodable {
            let scaleTargetRef: Target
            let pollingInterval: Int
            let minReplicaCount: Int
            let maxReplicaCount: Int
            let advanced: Advanced
            let triggers: [Trigger]
        }

        struct Target: Encodable { let name: String }

        struct Advanced: Encodable {
            struct Autoscaler: Encodable {
                let behavior: Behavior
            }
            let horizontalPodAutoscalerConfig: Autoscaler
        }

        struct Behavior: Encodable {
            let scaleUp: Rules
            let scaleDown: Rules
        }

        struct Rules: Encodable {
            struct Policy: Encodable {
                let type = "Pods"
                let value: Int
                let periodSeconds: Int
            }
            let stabilizationWindowSeconds: Int
            let policies: [Policy]
        }

        struct Trigger: Encodable {
            let type: String
            let metadata: [String: String]
        }
    }
}
