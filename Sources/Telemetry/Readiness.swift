/// Whether a process can do its work, and the state of what it stands on; the body of `GET /ready`.
public struct Readiness: Sendable, Equatable {
    /// One dependency's state.
    public enum State: String, Sendable {
        /// Answers.
        case up
        /// Answers slowly or is worked around, such as Kafka behind the outbox.
        case degraded
        /// Does not answer.
        case down
    }

    /// A named dependency, such as `redis`.
    public struct Dependency: Sendable, Equatable {
        /// The name in the body.
        public let name: String
        /// Its state.
        public let state: State

        /// One line of the body.
        public init(_ name: String, _ state: State) {
            self.name = name
            self.state = state
        }
    }

    /// Decides between 200 and 503; a dependency may be down without it (SPEC.md section 2).
    public let isReady: Bool
    /// In the order of the body.
    public let dependencies: [Dependency]

    /// The state to answer with.
    public init(isReady: Bool, dependencies: [Dependency] = []) {
        self.isReady = isReady
        self.dependencies = dependencies
    }

    /// `{"status":"ready","dependencies":{"redis":"up"}}`; names are the programmer's and need no escaping.
    public var json: String {
        let parts = dependencies.map { "\"\($0.name)\":\"\($0.state.rawValue)\"" }.joined(separator: ",")
        return "{\"status\":\"\(isReady ? "ready" : "not_ready")\",\"dependencies\":{\(parts)}}"
    }
}
