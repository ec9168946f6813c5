import Foundation
import KafkaClient
import KafkaTestSupport
import Testing

/// The cases of `Tests/Conformance` for `KafkaClient`; offsets by time are not in its API, and kcat asks for them with the same librdkafka.
@Suite(.timeLimit(.minutes(2)))
struct OwnClientTests {
    @Test func recordsGoInAndComeBackInOrder() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("produce-consume", partitions: 3)
        let sent = (0..<300).map { KafkaRecord(topic, "key \($0 % 17)", "value \($0)") }
        let acks = try await client.produce(sent)
        #expect(Set(acks).count == 300)
        let read = try await client.read(topic, 300, partitions: 3)
        #expect(read.map(\.text).sorted() == sent.map { String(decoding: $0.value ?? [], as: UTF8.self) }.sorted())
        for partition in 0..<Int32(3) {
            let inside = read.filter { $0.partition == partition }
            #expect(inside.map(\.offset) == Array(0..<Int64(inside.count)))
            #expect(acks.filter { $0.partition == partition }.map(\.offset).sorted() == inside.map(\.offset))
            for key in Set(inside.map(\.key)) {
                #expect(read.filter { $0.key == key }.allSatisfy { $0.partition == partition }, "a key has one partition")
                #expect(inside.filter { $0.key == key }.map(\.value) == sent.filter { $0.key == key }.map(\.value))
            }
        }
    }

    @Test func headersComeBackInOrder() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("headers")
        let headers = [
            KafkaHeader(name: "ce_type", text: "booking.created.v1"), KafkaHeader(name: "empty", value: []),
            KafkaHeader(name: "ce_type", text: "zwölf €"), KafkaHeader(name: "bytes", value: [0, 255, 128]),
        ]
        let many = (0..<60).map { KafkaHeader(name: "name \($0)", value: [UInt8](repeating: 120, count: $0)) }
        try await client.produce([headers, [], many].map { KafkaRecord(topic: topic, key: nil, value: [1], headers: $0) })
        #expect(try await client.read(topic, 3).map(\.headers) == [headers, [], many])
    }

    @Test func nullStaysNullAndEmptyStaysEmpty() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("tombstones")
        let sent: [(key: [UInt8]?, value: [UInt8]?)] = [([1], [2]), ([1], nil), ([1], []), (nil, [3]), ([], nil)]
        for record in sent { try await client.produce([KafkaRecord(topic: topic, key: record.key, value: record.value)]) }
        let read = try await client.read(topic, sent.count)
        #expect(read.map(\.key) == sent.map(\.key))
        #expect(read.map(\.value) == sent.map(\.value))
    }

    @Test func aMebibytePassesAndWhatTheTopicForbidsIsRefused() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("large-records", configs: ["max.message.bytes": "\(2 << 20)"])
        let sent = (0..<3).map { KafkaRecord(topic: topic, key: nil, value: [UInt8](repeating: UInt8($0), count: 1 << 20)) }
        try await client.produce(sent) { $0.maxRecordBytes = 3 << 20 }
        let read = try await client.read(topic, 3)
        #expect(read.count == 3 && zip(read, sent).allSatisfy { $0.value == $1.value })
        let tooLarge = KafkaRecord(topic: topic, key: nil, value: [UInt8](repeating: 0, count: (2 << 20) + 1))
        let refusal = await #expect(throws: KafkaError.self) { try await client.produce([tooLarge]) { $0.maxRecordBytes = 4 << 20 } }
        #expect(refusal?.code == .tooLarge)
        #expect(try await client.produce([KafkaRecord(topic, "k", "small")]).first?.offset == 3)
    }

    @Test(arguments: ["none", "gzip", "snappy", "lz4", "zstd"])
    func aCodecPassesThrough(_ codec: String) async throws {
        let client = try OwnClient()
        let topic = try await client.topic("codecs")
        let sent = (0..<100).map { KafkaRecord(topic, "k", "\(codec) \($0) \(String(repeating: "abc", count: 30))") }
        try await client.produce(sent) { $0.compression = codec }
        let log = try await client.log(topic)
        #expect(Set(log.map(\.codec)) == [codec])
        #expect(log.map(\.count).reduce(0, +) == 100)
        #expect(try await client.read(topic, 100).map(\.value) == sent.map(\.value))
        #expect(try await client.read(topic, 1, from: .at(57)).first?.value == sent[57].value)
    }

    @Test func aLostAnswerLeavesEveryRecordInTheLogOnce() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("idempotent-retry")
        let cuts = 3
        let proxy = try PythonSuite.helper("conformance.proxy", ["--bootstrap", client.bootstrap, "--cut", "\(cuts)"])
        let producer = try client.producer(bootstrap: try await proxy.line())
        var sent: [String] = []
        for step in 0..<4 {
            let part = (0..<300).map { "\(step) \($0) \(String(repeating: "x", count: 100))" }
            let acks = try await producer.send(part.map { KafkaRecord(topic, "k", $0) }).map { try $0.get().offset }
            #expect(acks == Array(Int64(sent.count)..<Int64(sent.count + 300)))
            sent += part
        }
        await producer.shutdown(flush: .seconds(5))
        proxy.endInput()
        #expect(try await proxy.end(limit: .seconds(5)) == 0)
        #expect(proxy.output.last == "\(cuts)", "answers lost")
        #expect(try await client.log(topic).map(\.count).reduce(0, +) == sent.count)
        #expect(try await client.read(topic, sent.count).map(\.text) == sent)
    }
}
