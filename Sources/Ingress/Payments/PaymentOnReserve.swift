import BookingEngine
import Domain

/// Begins the payment that a reserve asked for, once the seats are held. The reserve stands whatever comes of it.
struct PaymentOnReserve: Sendable {
    typealias Outcome = Result<PaymentID, APIError>

    let services: Services
    let means: PaymentMeans
    let context: BookingEngine.ReserveContext

    /// Begins it. A repetition finds the payment that the booking has, whoever began it; two at the same time are told apart by the reserve's
    /// Idempotency-Key.
    /// - Parameters:
    ///   - isReplay: whether the reserve was made by an earlier request.
    ///   - then: called once, on any thread.
    func begin(_ booking: BookingID, isReplay: Bool, then: @escaping @Sendable (Outcome) -> Void) {
        Task {
            do throws(APIError) {
                then(.success(try await begin(booking, isReplay: isReplay)))
            } catch {
                then(.failure(error))
            }
        }
    }

    private func begin(_ booking: BookingID, isReplay: Bool) async throws(APIError) -> PaymentID {
        if isReplay {
            do {
                if let known = try await services.engine.booking(booking)?.payment { return known }
            } catch {
                throw .unavailable("The payment cannot be taken just now; the same Idempotency-Key is safe to send again.")
            }
        }
        let begun = try await PaymentStarter(services: services).begin(
            means, of: booking, field: "booking_id", user: context.user, hasOperation: false,
            idempotency: .init(route: "reserve", key: context.idempotencyKey, bodyHash: context.bodyHash), trace: context.trace)
        return begun.payment
    }

    /// The payment's members of the 202; where there is none, why it has to be paid separately.
    static func write(_ writer: inout JSONWriter, _ outcome: Outcome) {
        switch outcome {
        case .success(let payment): PaymentBody.writeReference(&writer, payment)
        case .failure(let error):
            writer.key("payment_error")
            writer.object {
                $0.member("code", error.code.rawValue)
                $0.member("message", error.message)
            }
        }
    }
}
