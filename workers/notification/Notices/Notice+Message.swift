import Domain
import KafkaClient
import WorkerRuntime

extension Notice {
    /// What a message gives to tell; nil for most.
    /// - Throws: ``Failure`` or `JSONError`; such a message can never succeed.
    init?(_ message: KafkaMessage) throws {
        guard let type = message.headers.text("ce_type").flatMap(MessageType.init(rawValue:)) else {
            throw Failure(.deadLetter, label: "unknown_type", message: "the message's type is not known here")
        }
        // A redriven or replayed record may have lost its value; nothing can be told of it.
        func value() throws -> [UInt8] {
            guard let value = message.value else { throw Failure(.deadLetter, label: "undecodable", message: "the message has no value") }
            return value
        }
        switch type {
        case .bookingCreated, .bookingConfirmed, .bookingCancelled, .bookingExpired, .bookingRefunded:
            let booking = try BookingEvent(json: value()).booking
            guard let occasion = Self.occasion(type, booking) else { return nil }
            self.init(occasion: occasion, subject: .booking(booking), version: booking.version, at: booking.updatedAt)
        case .paymentSuccess, .paymentFailed, .paymentRefunded:
            let payment = try Payment(json: value())
            let occasion: Occasion = type == .paymentSuccess ? .receipt : type == .paymentFailed ? .paymentFailed : .refund
            self.init(occasion: occasion, subject: .payment(payment), version: payment.version, at: payment.updatedAt)
        case .queueAdmitted:
            guard case .place(let place) = try QueueEvent(json: value()) else { return nil }
            self.init(occasion: .queueTurn, subject: .place(place), version: place.version, at: place.updatedAt)
        default: return nil
        }
    }

    private static func occasion(_ type: MessageType, _ booking: Booking) -> Occasion? {
        switch (type, booking.reason) {
        case (.bookingCreated, _): .reserved
        case (.bookingConfirmed, _): .confirmed
        case (.bookingCancelled, .eventCancelled), (.bookingExpired, .eventCancelled), (.bookingRefunded, .eventCancelled): .eventCancelled
        // The payment's own event tells why.
        case (.bookingExpired, .paymentFailed), (.bookingExpired, .paidTooLate): nil
        case (.bookingExpired, _): .expired
        // Who cancels knows it, and money that goes back is told by the payment.
        default: nil
        }
    }
}
