/// What an administrator's client needs to know.
public struct KafkaAdminConfiguration: Sendable {
    /// `host:port`, several separated by commas.
    public var bootstrapServers: String
    /// The name that brokers show for this client.
    public var clientID: String
    /// How long each question may take. Default 10 s.
    public var limit: Duration = .seconds(10)
    /// Further librdkafka settings (security, tests); they win over the above.
    public var options: [String: String] = [:]

    /// Makes a configuration with the defaults above.
    public init(bootstrapServers: String, clientID: String) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
    }

    var settings: [(String, String)] {
        [
            ("bootstrap.servers", bootstrapServers),
            ("client.id", clientID),
            ("reconnect.backoff.ms", "\(KafkaProducerConfiguration.reconnectBackoffMs.first)"),
            ("reconnect.backoff.max.ms", "\(KafkaProducerConfiguration.reconnectBackoffMs.maximum)"),
        ]
    }
}
