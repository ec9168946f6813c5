import Foundation
import KafkaTestSupport

/// Burrow (Debian package `burrow`) with a stand-in for the ZooKeeper that it insists on; all on free ports, in a folder of its own.
final class Burrow: Sendable {
    /// What `/v3/kafka/…/lag` tells of a group.
    struct Lag: Decodable {
        struct Partition {
            let topic: String
            let partition: Int
            let lag: Int
            /// OK, WARN, STALL, STOP or REWIND.
            let status: String
        }

        let totalLag: Int
        let partitions: [Partition]

        private struct Answer: Decodable {
            let status: Status
        }
        private struct Status: Decodable {
            let totallag: Int
            let partitions: [Entry]
        }
        private struct Entry: Decodable {
            let topic: String
            let partition: Int
            let current_lag: Int
            let status: String
        }

        init(from decoder: any Decoder) throws {
            let status = try Answer(from: decoder).status
            totalLag = status.totallag
            partitions = status.partitions.map { Partition(topic: $0.topic, partition: $0.partition, lag: $0.current_lag, status: $0.status) }
        }
    }

    private static let program = "/usr/bin/Burrow"
    private let folder: String
    private let zookeeper: Program
    private let burrow: Program
    private let port: UInt16

    /// Starts it and waits until it answers.
    init(bootstrap: String) async throws {
        folder = NSTemporaryDirectory() + "burrow-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        zookeeper = try PythonSuite.helper("conformance.zookeeper", [])
        port = try BrokerProcess.freePort()
        let servers = bootstrap.split(separator: ",").map { "\"\($0)\"" }.joined(separator: ",")
        let configuration = """
            [general]
            pidfile="\(folder)/burrow.pid"
            [logging]
            filename="\(folder)/burrow.log"
            level="info"
            [zookeeper]
            servers=["127.0.0.1:\(try await zookeeper.line())"]
            timeout=6
            root-path="/burrow"
            [client-profile.test]
            client-id="burrow"
            kafka-version="0.11.0"
            [cluster.test]
            class-name="kafka"
            servers=[\(servers)]
            client-profile="test"
            topic-refresh=1
            offset-refresh=1
            [consumer.test]
            class-name="kafka"
            cluster="test"
            servers=[\(servers)]
            client-profile="test"
            [httpserver.test]
            address="127.0.0.1:\(port)"
            [storage.test]
            class-name="inmemory"
            intervals=10
            """
        try configuration.write(toFile: folder + "/burrow.toml", atomically: true, encoding: .utf8)
        burrow = try Program(Self.program, ["--config-dir", folder])
        let (program, port) = (burrow, port)
        let up = await eventually(.seconds(10)) { !program.isRunning || BrokerProcess.accepts(port) }
        guard up, burrow.isRunning else { throw ConformanceFailure("Burrow does not run:\n\(log)") }
    }

    /// Ends it and what belongs to it.
    func stop() {
        burrow.kill()
        zookeeper.kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The end of what it logged.
    var log: String {
        let text = (try? String(contentsOfFile: folder + "/burrow.log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(20).joined(separator: "\n")
    }

    /// A group's lag, or nil while Burrow knows nothing of the group.
    func lag(of group: String) async throws -> Lag? {
        guard burrow.isRunning else { throw ConformanceFailure("Burrow ended:\n\(log)") }
        let curl = try Program("/usr/bin/curl", ["-sf", "--max-time", "5", "http://127.0.0.1:\(port)/v3/kafka/test/consumer/\(group)/lag"])
        guard try await curl.end(limit: .seconds(10)) == 0 else { return nil }
        return try JSONDecoder().decode(Lag.self, from: Data(curl.output.joined().utf8))
    }
}
