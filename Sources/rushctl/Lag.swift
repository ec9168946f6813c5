import KafkaClient
import Topics

/// How far consumer groups are behind.
enum Lag {
    /// Messages that the groups have not yet dealt with, all together.
    static func total(bootstrapServers: String, _ groups: [(group: String, topic: Topic)]) async throws -> Int64 {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl"), logger: Connections.logger)
        do {
            var total: Int64 = 0
            for (group, topic) in groups {
                total += try await admin.lag(group: group, topics: [topic.name]).reduce(0) { $0 + $1.messages }
            }
            await admin.shutdown()
            return total
        } catch {
            await admin.shutdown()
            throw error
        }
    }
}
