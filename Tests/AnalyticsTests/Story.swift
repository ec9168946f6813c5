import Domain
import Foundation
import KafkaClient
import Topics

/// Messages as the product sends them, and what is to be counted of them.
struct Story {
    static let tenant = "0190c000-0000-7000-8000-000000000001"
    static let events = (0..<3).map { "0190c000-0000-7000-8000-00000000010\($0)" }

    /// Milliseconds at which it begins.
    let start: Int64

    static func booking(
        _ id: String, version: Int = 1, _ status: String = "created", event: Int = 0, at ms: Int64, quantity: Int = 2, total: Int = 500,
        currency: String = "THB"
    ) -> KafkaMessage {
        let value = """
            {"booking_id":"\(id)","tenant_id":"\(tenant)","event_id":"\(events[event])","show_id":"\(tenant)","zone_id":"\(tenant)",\
            "user_id":"\(tenant)","quantity":\(quantity),"unit_price_minor":250,"total_minor":\(total),"currency":"\(currency)",\
            "status":"\(status == "created" ? "reserved" : status)","version":\(version),"created_at_ms":\(ms),"expires_at_ms":\(ms),\
            "updated_at_ms":\(ms),"idempotency_key":"key \\"\\\\ ü","body_hash":"hash",\
            "zone":{"capacity":9,"available":1,"held":2,"sold":3,"version":4}}
            """
        return message(.bookingEvents, id: "\(id)/\(version)/booking.\(status).v1", type: "booking.\(status).v1", value)
    }

    static func refund(_ id: String, minor: Int, event: Int = 0, at ms: Int64, code: String? = nil) -> KafkaMessage {
        let value = """
            {"payment_id":"\(id)","booking_id":"\(id)","event_id":"\(events[event])","user_id":"\(tenant)","tenant_id":"\(tenant)","method":"card",\
            "amount_minor":500,"currency":"THB","status":"refunded","version":4,"refunded_minor":\(minor)\(code.map { ",\"error_code\":\"\($0)\"" } ?? ""),\
            "created_at_ms":\(ms),"updated_at_ms":\(ms)}
            """
        return message(.paymentEvents, id: "\(id)/4/payment.refunded.v1", type: "payment.refunded.v1", value)
    }

    static func view(_ id: String, event: Int = 0, at ms: Int64) -> KafkaMessage {
        message(
            .analyticsViews, id: id, type: "analytics.viewed.v1",
            #"{"view_id":"\#(id)","tenant_id":"\#(tenant)","event_id":"\#(events[event])","at_ms":\#(ms)}"#)
    }

    static func message(_ topic: Topic, id: String, type: String, _ value: String, offset: Int64 = 0) -> KafkaMessage {
        KafkaMessage(
            topic: topic.name, partition: 0, offset: offset, key: Array(id.utf8), value: Array(value.utf8),
            headers: [KafkaHeader(name: "ce_id", text: id), KafkaHeader(name: "ce_type", text: type)], timestampMs: 1_795_000_000_000)
    }

    /// Bookings with all that follows, views and an operation, some minutes apart, over three events.
    func messages(_ count: Int) -> [KafkaMessage] {
        var messages: [KafkaMessage] = []
        for number in 0..<count {
            let (id, event, at) = (UUID().uuidString.lowercased(), number % 3, start + Int64(number % 7) * 61_000)
            messages.append(Self.booking(id, event: event, at: at))
            messages.append(Self.view(UUID().uuidString, event: event, at: at))
            switch number % 4 {
            case 0: messages.append(Self.booking(id, version: 2, "confirmed", event: event, at: at + 1000, currency: number % 8 == 0 ? "EUR" : "THB"))
            case 1: messages.append(Self.booking(id, version: 2, "cancelled", event: event, at: at + 2000))
            case 2: messages.append(Self.booking(id, version: 2, "expired", event: event, at: at + 3000))
            default:
                messages.append(Self.booking(id, version: 2, "confirmed", event: event, at: at + 1000))
                messages.append(Self.refund(id, minor: 250, event: event, at: at + 4000))
                messages.append(Self.booking(id, version: 3, "refunded", event: event, at: at + 5000))
            }
            messages.append(
                Self.message(
                    .operationEvents, id: "\(id)/operation", type: "operation.finished.v1",
                    #"{"operation_id":"\#(id)","tenant_id":"\#(Self.tenant)","type":"booking.cancel","status":"succeeded","version":2}"#))
        }
        return messages
    }
}

extension KafkaMessage {
    /// The message as a record to be sent.
    var record: KafkaRecord { KafkaRecord(topic: topic, key: key, value: value, headers: headers, timestampMs: timestampMs) }

    func with(headers: [KafkaHeader]) -> KafkaMessage {
        KafkaMessage(topic: topic, partition: partition, offset: offset, key: key, value: value, headers: headers, timestampMs: timestampMs)
    }
}
