import Foundation
import RedisClient

/// By how much the ingress and Redis grow while people wait.
struct QueueMemory {
    private let installation: Installation
    private let start: (ingress: Double, redis: Double)

    init(_ installation: Installation) async throws {
        self.installation = installation
        start = try await Self.read(installation)
    }

    /// Bytes more than at the start.
    func growth() async throws -> (ingress: Double, redis: Double) {
        let now = try await Self.read(installation)
        return (now.ingress - start.ingress, now.redis - start.redis)
    }

    private static func read(_ installation: Installation) async throws -> (ingress: Double, redis: Double) {
        guard let pid = await installation.stack.processIDs()["ingress"] else { throw BenchQueue.Failure(description: "no ingress") }
        let status = String(decoding: FileManager.default.contents(atPath: "/proc/\(pid)/status") ?? Data(), as: UTF8.self)
        let information = try await Connections.redis(installation.settings) { try await $0.send(RedisCommand("INFO", "memory")).text ?? "" }
        guard let resident = number(after: "VmRSS:", in: status), let used = number(after: "used_memory:", in: information) else {
            throw BenchQueue.Failure(description: "the memory of the ingress or of Redis cannot be read")
        }
        return (resident * 1024, used)
    }

    private static func number(after name: String, in text: String) -> Double? {
        text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name) }.flatMap { line in
            Double(line.dropFirst(name.count).filter { $0.isNumber })
        }
    }
}
