import Domain
import KafkaClient
import Topics

/// The newest state of every payment that payment.events tell of.
struct PaymentFold: Sendable {
    var payments: [PaymentID: Payment] = [:]

    /// Reads payment.events from the beginning to its end at the start of the call.
    static func read(bootstrapServers: String) async throws -> PaymentFold {
        var fold = PaymentFold()
        try await TopicReader.read(.paymentEvents, bootstrapServers: bootstrapServers) { message in
            guard let value = message.value, let payment = try? Payment(json: value) else { return }
            if let known = fold.payments[payment.id], known.version >= payment.version { return }
            fold.payments[payment.id] = payment
        }
        return fold
    }
}
