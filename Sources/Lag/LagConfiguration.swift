/// What a ``LagSampler`` needs to know.
public struct LagConfiguration: Sendable, Hashable {
    /// `host:port`, several separated by commas.
    public var bootstrapServers: String
    /// The name that brokers show for its clients.
    public var clientID = "lag"
    /// The groups; nil takes all that are declared in `topics.yaml`.
    public var targets: [LagTarget]?
    /// How far back the rules and the rates look. Default 60 s: longer than a rebalance, and than any pause between two tries.
    public var window: Duration = .seconds(60)
    /// How long each question to the brokers may take. Default 5 s; after one that found no broker the others of the sample are left out.
    public var limit: Duration = .seconds(5)
    /// How long a sample may look for the records that wait longest, and for new commits, each. Default 2 s.
    public var readLimit: Duration = .seconds(2)
    /// Whether records' and commits' times are read too. Without them there are neither seconds nor a sure status, and fewer questions. Default true.
    public var readsTimes = true

    /// A configuration with the defaults above.
    public init(bootstrapServers: String) {
        self.bootstrapServers = bootstrapServers
    }
}
