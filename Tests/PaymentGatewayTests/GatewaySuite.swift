import Foundation
import HTTPTestSupport
import PaymentGateway
import Testing

/// What every gateway of Stripe's shape must do with this client: run against the simulator, and against localstripe as far as it goes.
enum GatewaySuite {
    /// The names of a gateway's payment methods.
    struct Tokens {
        let succeeds: String
        let declined: String
    }

    static func run(_ configuration: GatewayConfiguration, _ tokens: Tokens) async throws {
        try await withGateway(configuration) { gateway in
            try await chargedOnceAndRefunded(gateway, tokens)
            try await declineIsAnIntent(gateway, tokens)
            try await canceledIntentTakesNothing(gateway, tokens)
            try await wrongRequestsAreFinal(gateway, tokens)
        }
        var wrong = configuration
        wrong.secretKey = "x"
        try await withGateway(wrong) { gateway in
            let error = try await gatewayError { _ = try await gateway.testIntent(tokens.succeeds) }
            #expect(error.code == .authentication)
            #expect(!error.isFateUnknown)
        }
    }

    private static func chargedOnceAndRefunded(_ gateway: PaymentGateway, _ tokens: Tokens) async throws {
        let intent = try await gateway.testIntent(tokens.succeeds)
        #expect(intent.status == .requiresConfirmation)
        #expect(intent.amountMinor == 1_234)
        #expect(intent.amountReceivedMinor == 0)
        #expect(intent.currency == "THB")
        #expect(intent.metadata == ["booking_id": "b & c=ü"])
        let key = UUID().uuidString
        let confirmed = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: key)
        #expect(confirmed.status == .succeeded)
        #expect(confirmed.amountReceivedMinor == 1_234)
        // Under the same key, and under another: it is paid, and stays so.
        for key in [key, UUID().uuidString] {
            let again = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: key)
            #expect(again.status == .succeeded)
        }
        let canceled = try await gateway.cancelIntent(intent.id, idempotencyKey: UUID().uuidString)
        #expect(canceled.status == .succeeded)
        let read = try await gateway.intent(intent.id)
        #expect(read.status == .succeeded)
        let none = try await gateway.refunds(intent: intent.id)
        #expect(none.isEmpty)
        let refund = try await gateway.refund(
            intent: intent.id, amountMinor: 234, metadata: ["refund_id": "r1"], idempotencyKey: UUID().uuidString)
        #expect(refund.status == .succeeded)
        #expect(refund.amountMinor == 234)
        let refunds = try await gateway.refunds(intent: intent.id)
        #expect(refunds == [refund])
    }

    private static func declineIsAnIntent(_ gateway: PaymentGateway, _ tokens: Tokens) async throws {
        let intent = try await gateway.testIntent(tokens.declined)
        let declined = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: UUID().uuidString)
        #expect(declined.status == .requiresPaymentMethod)
        #expect(declined.lastError?.code == "card_declined")
        #expect(declined.amountReceivedMinor == 0)
        let canceled = try await gateway.cancelIntent(intent.id, idempotencyKey: UUID().uuidString)
        #expect(canceled.status == .canceled)
        let error = try await gatewayError {
            _ = try await gateway.refund(intent: intent.id, amountMinor: 1, metadata: [:], idempotencyKey: UUID().uuidString)
        }
        #expect(error.code == .invalidRequest)
    }

    private static func canceledIntentTakesNothing(_ gateway: PaymentGateway, _ tokens: Tokens) async throws {
        let intent = try await gateway.testIntent(tokens.succeeds)
        let canceled = try await gateway.cancelIntent(intent.id, idempotencyKey: UUID().uuidString)
        #expect(canceled.status == .canceled)
        let confirmed = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: UUID().uuidString)
        #expect(confirmed.status == .canceled)
        #expect(confirmed.amountReceivedMinor == 0)
    }

    private static func wrongRequestsAreFinal(_ gateway: PaymentGateway, _ tokens: Tokens) async throws {
        let missing = try await gatewayError { _ = try await gateway.intent("pi_nosuchintent") }
        #expect(missing.code == .notFound)
        #expect(missing.disposition == .deadLetter)
        let nothing = try await gatewayError { _ = try await gateway.testIntent(tokens.succeeds, amountMinor: 0) }
        #expect(nothing.code == .invalidRequest)
        #expect(!nothing.isFateUnknown)
    }
}
