import Foundation
import LocalStack
import TestSupport

/// Reads topics with kcat.
enum TopicReader {
    /// All records of a topic, in their order within each partition: key, headers, value.
    static func all(_ topic: String, _ installation: Installation) async throws -> [(key: String, headers: [String: String], value: JSONValue)] {
        let output = try await Command.run(
            "/usr/bin/kcat",
            [
                "-C", "-q", "-e", "-b", installation.stack.endpoints.kafkaBootstrapServers, "-t", topic, "-o", "beginning", "-f", "%k\t%h\t%s\n",
            ], environment: [:], limit: .seconds(60))
        guard output.status == 0 else { throw TestFailure("kcat: \(output.errors)") }
        return try output.text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { throw TestFailure("a record of \(topic) that is not one line: \(line)") }
            var headers: [String: String] = [:]
            for field in parts[1].split(separator: ",") {
                let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if pair.count == 2 { headers[String(pair[0])] = String(pair[1]) }
            }
            return (String(parts[0]), headers, (try? JSONDecoder().decode(JSONValue.self, from: Data(parts[2].utf8))) ?? .null)
        }
    }

    /// The records of one key.
    static func records(
        _ topic: String, key: String, _ installation: Installation
    ) async throws -> [(headers: [String: String], value: JSONValue)] {
        try await all(topic, installation).filter { $0.key == key }.map { ($0.headers, $0.value) }
    }
}
