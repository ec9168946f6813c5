import BookingEngine
import Domain
import Glibc
import KafkaClient
import Settings

/// Tells `audit.events` what an operator does at the machine.
struct AuditTrail: Sendable {
    private let producer: KafkaProducer

    /// Who runs this process: the name of the Unix account, of the one before sudo where there was one.
    static var actor: AuditActor {
        if let before = Settings.environment.optional("SUDO_USER"), !before.isEmpty { return .operator(before) }
        guard let account = getpwuid(geteuid()) else { return .operator("\(geteuid())") }
        return .operator(String(cString: account.pointee.pw_name))
    }

    /// Opens it for one command.
    static func open<T: Sendable>(_ settings: Settings = .environment, _ body: (AuditTrail) async throws -> T) async throws -> T {
        var configuration = KafkaProducerConfiguration(bootstrapServers: Connections.kafka(settings), clientID: "rushctl-audit")
        configuration.linger = .zero
        configuration.messageTimeout = .seconds(10)
        let producer = try KafkaProducer(configuration: configuration, logger: Connections.logger)
        do {
            let result = try await body(AuditTrail(producer: producer))
            await producer.shutdown(flush: .seconds(5))
            return result
        } catch {
            await producer.shutdown(flush: .seconds(5))
            throw StoreAway.named(error, settings)
        }
    }

    /// Returns once the entry is written.
    func record(_ entry: AuditEntry) async throws {
        var told = entry
        told.origin.agent = entry.origin.agent ?? "rushctl"
        _ = try await producer.send(CloudEvent(told).record)
    }
}
