public import KafkaClient
public import PostgresClient

/// What is made of a topic's messages: rows of PostgreSQL that say how things stand.
///
/// A row is applied only when its version is higher than the one that stands, so a batch may come twice, late, or from another copy at the same time.
/// Each projection names the schema of its tables, so that it can also be built beside the tables that are in use.
public protocol Projection: Sendable {
    /// What a message tells.
    associatedtype Item: Sendable

    /// Reads a message.
    /// - Throws: an error that the same bytes always give.
    func decode(_ message: KafkaMessage) throws -> Item

    /// Writes rows in the transaction that is open. All copies lock rows in the order of their ids, so that they wait for each other.
    func write(_ items: [Item], to connection: PostgresConnection) throws
}

extension Projection {
    /// The newest of each key, in the order of the keys; of equal versions the first.
    ///
    /// Made for the types at hand where it is called: generic, it and the look-ups of its types were a tenth of what inventory-sync did.
    @inline(__always)
    static func folded<Element, Key: Hashable>(
        _ elements: [Element], key: (Element) -> Key, version: (Element) -> Int64, order: (Key, Key) -> Bool
    ) -> [Element] {
        Dictionary(elements.map { (key($0), $0) }) { old, new in version(new) > version(old) ? new : old }
            .sorted { order($0.key, $1.key) }.map(\.value)
    }
}
