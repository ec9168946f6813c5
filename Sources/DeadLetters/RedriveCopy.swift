import Domain
import KafkaClient
import Topics

/// The copy of a dead letter for the redrive topic: key, value, headers and time byte for byte, and in further headers where it comes from.
struct RedriveCopy {
    let message: KafkaMessage
    let letter: DeadLetter
    let job: String
    /// A merge patch to the value.
    let edit: [UInt8]?

    /// - Throws: ``JSONError`` when the value to change is no JSON.
    func record(to topic: String, partition: Int32) throws(JSONError) -> KafkaRecord {
        var headers = message.headers.filter { !RedriveHeader.contains($0.name) }
        if !headers.contains(where: { $0.name == DeadLetterHeader.topic.rawValue }) {
            // Nobody says where it came from: the dead letter is the first that is known of it.
            headers.append(KafkaHeader(name: DeadLetterHeader.topic.rawValue, text: message.topic))
            headers.append(KafkaHeader(name: DeadLetterHeader.partition.rawValue, text: "\(message.partition)"))
            headers.append(KafkaHeader(name: DeadLetterHeader.offset.rawValue, text: "\(message.offset)"))
        }
        headers.append(KafkaHeader(name: RedriveHeader.of.rawValue, text: letter.place.description))
        headers.append(KafkaHeader(name: RedriveHeader.count.rawValue, text: "\(letter.redrives + 1)"))
        var value = message.value
        if let edit {
            value = try MergePatch.apply(edit, to: message.value ?? [])
            // Of its job and place, so that the same edit again is the same message.
            headers.removeAll { $0.name == "ce_id" }
            headers.append(KafkaHeader(name: "ce_id", text: "edit/\(job)/\(letter.place)"))
            headers.append(KafkaHeader(name: RedriveHeader.editOf.rawValue, text: letter.messageID))
        }
        return KafkaRecord(
            topic: topic, partition: partition, key: message.key, value: value, headers: headers, timestampMs: message.timestampMs)
    }
}
