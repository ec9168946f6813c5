public import KafkaClient
public import PostgresClient

/// Writes batches of a projection, each in one transaction with how far the topic has been read.
public struct ProjectionWriter<Rows: Projection>: Sendable {
    /// What the rows are made by.
    public let projection: Rows
    /// Where it is noted how far the topic has been read.
    public let offsets: ProjectionOffsets
    private let database: PostgresClient

    public init(_ projection: Rows, offsets: ProjectionOffsets, database: PostgresClient) {
        self.projection = projection
        self.offsets = offsets
        self.database = database
    }

    /// Applies what messages tell. What deadlocks is run again.
    /// - Parameter next: per partition, the offset after the batch.
    public func apply(_ items: [Rows.Item], next: [KafkaTopicPartition: Int64]) async throws(PostgresError) {
        let (projection, offsets) = (projection, offsets)
        try await database.transaction { connection in
            try projection.write(items, to: connection)
            try offsets.note(next, on: connection)
        }
    }

    /// Applies messages; what can never be applied is left out, be it that it cannot be read or that PostgreSQL refuses the row.
    /// - Parameter next: per partition, the offset after the batch.
    /// - Returns: how many were left out.
    /// - Throws: ``PostgresError`` for what may succeed another time; part of the batch may be applied then, and may be applied again.
    public func applyReadable(_ messages: [KafkaMessage], next: [KafkaTopicPartition: Int64]) async throws(PostgresError) -> Int {
        let items = messages.compactMap { try? projection.decode($0) }
        return messages.count - items.count + (try await bisect(items, next))
    }

    /// Halves a batch that is refused until only the rows are left out that are to blame.
    private func bisect(_ items: [Rows.Item], _ next: [KafkaTopicPartition: Int64]) async throws(PostgresError) -> Int {
        do throws(PostgresError) {
            try await apply(items, next: next)
            return 0
        } catch {
            guard error.disposition == .deadLetter, !items.isEmpty else { throw error }
        }
        if items.count == 1 {
            try await apply([], next: next)
            return 1
        }
        // The offsets are noted with the second half, so that a crash between the two brings both again.
        let half = items.count / 2
        return try await bisect(Array(items[..<half]), [:]) + (try await bisect(Array(items[half...]), next))
    }
}
