import Domain
import PaymentGateway
import Synchronization

@testable import PaymentWorker

/// A gateway with books in memory: it keeps idempotency keys, and what it does goes by the payment's token.
final class FakeGateway: Gateway {
    /// What a token makes of a payment.
    enum Token: String {
        case good = "tok_good"
        case declined = "tok_declined"
        /// Completes later: by ``FakeGateway/complete(_:)``.
        case later = "tok_later"
        /// The money is taken and the answer lost.
        case lost = "tok_lost"
        /// Takes a unit less than asked for.
        case short = "tok_short"
        /// Gives no money back.
        case keeps = "tok_keeps"
    }

    struct Books {
        var intents: [String: Intent] = [:]
        var refunds: [String: [GatewayRefund]] = [:]
        var captures: [String: Int] = [:]
        var answers: [String: Result<String, GatewayError>] = [:]
        var keepers: Set<String> = []
        var hasLost: Set<String> = []
    }

    let books = Mutex(Books())

    func createIntent(
        amountMinor: Int64, currency: String, method: String, paymentToken: String?, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> Intent {
        books.withLock { books in
            if case .success(let id)? = books.answers[idempotencyKey], let intent = books.intents[id] { return intent }
            let intent = Intent(
                id: "pi_\(books.intents.count)_\(idempotencyKey)", status: .requiresPaymentMethod, amountMinor: amountMinor, amountReceivedMinor: 0,
                currency: currency, metadata: metadata)
            books.answers[idempotencyKey] = .success(intent.id)
            books.intents[intent.id] = intent
            return intent
        }
    }

    func confirmIntent(_ id: String, paymentToken: String?, idempotencyKey: String) async throws(GatewayError) -> Intent {
        let result = books.withLock { books -> Result<Intent, GatewayError> in
            guard let intent = books.intents[id] else { return .failure(Self.error(.notFound)) }
            guard intent.isUnconfirmed else { return .success(intent) }
            let token = paymentToken.flatMap(Token.init(rawValue:)) ?? .good
            switch token {
            case .declined:
                books.intents[id] = intent.with(
                    .requiresPaymentMethod, error: .init(code: "card_declined", declineCode: "insufficient_funds", message: "No money."))
            case .later: books.intents[id] = intent.with(.processing)
            case .good, .keeps, .lost: books.capture(id, intent.amountMinor)
            case .short: books.capture(id, intent.amountMinor - 1)
            }
            if token == .keeps { books.keepers.insert(id) }
            if token == .lost, books.hasLost.insert(id).inserted { return .failure(Self.error(.timeout)) }
            return books.intents[id].map { .success($0) } ?? .failure(Self.error(.notFound))
        }
        return try result.get()
    }

    func intent(_ id: String) async throws(GatewayError) -> Intent {
        guard let intent = books.withLock({ $0.intents[id] }) else { throw Self.error(.notFound) }
        return intent
    }

    func cancelIntent(_ id: String, idempotencyKey: String) async throws(GatewayError) -> Intent {
        let intent = books.withLock { books -> Intent? in
            guard let intent = books.intents[id] else { return nil }
            if intent.status != .succeeded, intent.status != .canceled { books.intents[id] = intent.with(.canceled, error: intent.lastError) }
            return books.intents[id]
        }
        guard let intent else { throw Self.error(.notFound) }
        return intent
    }

    func refund(
        intent id: String, amountMinor: Int64, metadata: [String: String], idempotencyKey: String
    ) async throws(GatewayError) -> GatewayRefund {
        books.withLock { books in
            if case .success(let known)? = books.answers[idempotencyKey], let refund = books.refunds[id]?.first(where: { $0.id == known }) {
                return refund
            }
            let refund = GatewayRefund(
                id: "re_\(idempotencyKey)", intent: id, amountMinor: amountMinor, currency: "THB",
                status: books.keepers.contains(id) ? .failed : .succeeded, metadata: metadata)
            books.refunds[id, default: []].append(refund)
            books.answers[idempotencyKey] = .success(refund.id)
            return refund
        }
    }

    func refunds(intent: String) async throws(GatewayError) -> [GatewayRefund] { books.withLock { $0.refunds[intent] ?? [] } }

    /// The bank's money has come for a payment that completes later.
    func complete(_ payment: PaymentID) {
        books.withLock { books in
            guard let intent = books.intents.values.first(where: { $0.metadata["payment_id"] == payment.description }) else { return }
            books.capture(intent.id, intent.amountMinor)
        }
    }

    /// Minor units captured and given back for a payment, and how often it was captured.
    func standing(of payment: PaymentID) -> (captured: Int64, refunded: Int64, captures: Int) {
        books.withLock { books in
            let own = books.intents.values.filter { $0.metadata["payment_id"] == payment.description }
            let refunded = own.flatMap { books.refunds[$0.id] ?? [] }.filter { $0.status == .succeeded }
            return (
                own.reduce(0) { $0 + $1.amountReceivedMinor }, refunded.reduce(0) { $0 + $1.amountMinor },
                own.reduce(0) { $0 + (books.captures[$1.id] ?? 0) }
            )
        }
    }

    private static func error(_ code: GatewayError.Code) -> GatewayError {
        GatewayError(code: code, operation: "test", message: "as the test wants it")
    }
}

extension FakeGateway.Books {
    fileprivate mutating func capture(_ id: String, _ amount: Int64) {
        guard let intent = intents[id] else { return }
        captures[id, default: 0] += 1
        intents[id] = Intent(
            id: id, status: .succeeded, amountMinor: intent.amountMinor, amountReceivedMinor: amount, currency: intent.currency,
            metadata: intent.metadata)
    }
}

extension Intent {
    fileprivate func with(_ status: Status, error: PaymentError? = nil) -> Intent {
        Intent(
            id: id, status: status, amountMinor: amountMinor, amountReceivedMinor: 0, currency: currency, metadata: metadata, lastError: error)
    }
}
