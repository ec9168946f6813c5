import Foundation
import LocalStack
import TestSupport

extension Installation {
    /// An operator: an admin of the platform.
    func operatorClient() async throws -> Client {
        let token = try await rushctl("token", "--role", "admin", "--ttl", "3600")
        return Client(user: try User(token: token.trimmingCharacters(in: .whitespacesAndNewlines)), probe: try stack.probe())
    }

    /// Puts records on a topic, as a faulty sender would: each value is one record.
    func produce(_ topic: String, key: String, type: String, values: [String]) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("records-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(values.map { $0 + "\n" }.joined().utf8).write(to: file)
        let output = try await Command.run(
            "/usr/bin/kcat",
            [
                "-P", "-b", stack.endpoints.kafkaBootstrapServers, "-t", topic, "-k", key, "-H", "ce_type=\(type)", "-X", "acks=all", "-l", file.path,
            ], environment: [:], limit: .seconds(30))
        guard output.status == 0 else { throw TestFailure("kcat: \(output.errors)") }
    }
}

extension Client {
    /// Asks an operator's tool for something.
    func admin(_ path: String, _ body: String, key: String? = nil) async throws -> HTTPAnswer {
        try await probe.post("/api/v1/admin/\(path)", json: body, headers: key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    /// The dead letters that a query finds, all pages.
    func deadLetters(_ query: String) async throws -> [JSONValue] {
        var found: [JSONValue] = []
        for page in 1...50 {
            let answer = try await probe.get("/api/v1/admin/dlq/messages?per_page=100&page=\(page)&\(query)")
            guard answer.status == 200, let rows = answer.json["data"].array else { throw TestFailure("\(answer.status) \(answer.text)") }
            found += rows
            if rows.count < 100 { break }
        }
        return found
    }
}
