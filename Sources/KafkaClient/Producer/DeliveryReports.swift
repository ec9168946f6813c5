internal import CRdkafka

/// Turns delivery report events into calls of those who wait, a whole batch at a time.
final class DeliveryReports {
    /// How many reports are taken from an event at once.
    static let batch = 1_024

    /// What a batch said about the brokers.
    struct Summary {
        var anySucceeded = false
        var anyTimedOut = false
    }

    private let messages = UnsafeMutablePointer<UnsafePointer<rd_kafka_message_t>?>.allocate(capacity: batch)

    deinit {
        messages.deallocate()
    }

    /// Calls every waiting closure of the event, on this thread.
    func deliver(_ event: borrowing Event) -> Summary {
        var summary = Summary()
        while true {
            let count = rd_kafka_event_message_array(event.pointer, messages, Self.batch)
            if count == 0 { return summary }
            for index in 0..<count {
                guard let message = messages[index], let opaque = message.pointee._private else { continue }
                let delivery = Unmanaged<Delivery>.fromOpaque(opaque).takeRetainedValue()
                let response = message.pointee.err
                if response == RD_KAFKA_RESP_ERR_NO_ERROR {
                    summary.anySucceeded = true
                    let ack = KafkaAck(topic: delivery.topic.name, partition: message.pointee.partition, offset: message.pointee.offset)
                    delivery.onDelivery(.success(ack))
                } else {
                    let error = KafkaError(response, operation: "deliver")
                    if error.code == .timeout || error.code == .unreachable { summary.anyTimedOut = true }
                    delivery.onDelivery(.failure(error))
                }
            }
        }
    }
}
