public import Domain
public import KafkaClient

extension BookingEvent {
    /// The event's type, as far as the state tells: whether a hold was just made or has changed since, and how a booking has ended.
    public var type: MessageType {
        switch booking.status {
        // Every later step has a later time, or a payment.
        case .reserved: booking.createdAt == booking.updatedAt && booking.payment == nil ? .bookingCreated : .bookingUpdated
        // A ticket can only be used after that.
        case .confirmed: booking.used.isEmpty ? .bookingConfirmed : .bookingUpdated
        case .cancelled: .bookingCancelled
        case .expired: .bookingExpired
        case .refunded: .bookingRefunded
        }
    }

    /// The value, as the scripts write it; who it was that acted is not known any more.
    public var json: [UInt8] {
        var text = booking.eventHead
        text += ",\"zone\":{\"capacity\":\(zone.capacity),\"available\":\(zone.available),\"held\":\(zone.held),\"sold\":\(zone.sold)".utf8
        text += ",\"version\":\(zone.version)}}".utf8
        return text
    }

    /// The record for booking.events, with the id that it had the first time.
    public var record: KafkaRecord {
        CloudEvent(
            type: type, id: "\(booking.id)/\(booking.version)/\(type.rawValue)", subject: booking.id.description, time: booking.updatedAt, trace: "",
            value: json
        ).record
    }
}

extension Booking {
    /// The value of its event up to the zone.
    var eventHead: [UInt8] {
        var text = Array("{".utf8)
        text += fragment
        text += ",\"status\":\"\(status.rawValue)\",\"actor\":\"system\",\"version\":\(version),\"expires_at_ms\":\(expiresAt.ms)".utf8
        text += ",\"updated_at_ms\":\(updatedAt.ms)".utf8
        if let payment, let paymentState { text += ",\"payment_id\":\"\(payment)\",\"payment_state\":\"\(paymentState.rawValue)\"".utf8 }
        if declines > 0 { text += ",\"declines\":\(declines)".utf8 }
        if let reason { text += ",\"reason\":\"\(reason.rawValue)\"".utf8 }
        if !used.isEmpty {
            text += ",\"used\":".utf8
            text += TicketUse.json(used)
        }
        return text
    }
}
