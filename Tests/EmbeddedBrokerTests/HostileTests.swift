import Foundation
import Glibc
import NIOCore
import Testing

@testable import EmbeddedBroker

/// Clients that mean harm: each is refused or closed, the memory stays bounded, the others do not notice.
@Suite(.serialized) struct HostileTests {
    /// What the broker may take beyond ``BrokerLimits/maxHeldBytes``: buffers that grow by doubling, and itself in a debug build.
    private static let slackKiB = 300 * 1_024

    /// Another client's produce and fetch, in milliseconds.
    private func roundTrip(_ client: RawClient, topic: String) throws -> Double {
        let begin = Date()
        let (error, offset) = try client.produce(TestBatch.make(["x"]), topic: topic)
        #expect(error == ErrorCode.none)
        let fetched = try RawClient.fetched(try client.call(.fetch, version: 4, RawClient.fetch(topic: topic, offset: offset, maxWaitMs: 0)))
        #expect(fetched.records.readableBytes > 61)
        return Date().timeIntervalSince(begin) * 1_000
    }

    @Test func halfReceivedRequestsAreBoundedOverAllConnections() throws {
        let broker = try BrokerProcess()
        let good = try RawClient(port: broker.port)
        _ = try good.createTopic("t")
        let piece = [UInt8](repeating: 7, count: 30 * 1_024 * 1_024)
        var open: [RawClient] = []
        for _ in 0..<20 {
            let client = try RawClient(port: broker.port)
            client.write([0x06, 0x00, 0x00, 0x00])  // 96 MiB will come, it says.
            client.write(piece)
            open.append(client)
            #expect(try roundTrip(good, topic: "t") < 5_000)
        }
        #expect(try broker.residentKiB() < BrokerLimits.maxHeldBytes / 1_024 + Self.slackKiB)
        #expect(open[0].isClosed && !open[19].isClosed)
    }

    @Test func aClientThatNeverReadsHoldsLittleAndHarmsNobody() throws {
        let broker = try BrokerProcess()
        let good = try RawClient(port: broker.port)
        _ = try good.createTopic("big")
        _ = try good.createTopic("t")
        let value = String(repeating: "v", count: 900_000)
        for _ in 0..<12 { #expect(try good.produce(TestBatch.make([value]), topic: "big").error == ErrorCode.none) }
        var deaf: [RawClient] = []
        for _ in 0..<60 {
            let client = try RawClient(port: broker.port)
            for _ in 0..<50 { client.send(.fetch, version: 4, RawClient.fetch(topic: "big", offset: 0, maxWaitMs: 0, maxBytes: 100_000_000)) }
            deaf.append(client)
        }
        for _ in 0..<20 { #expect(try roundTrip(good, topic: "t") < 5_000) }
        #expect(try broker.residentKiB() < BrokerLimits.maxHeldBytes / 1_024 + Self.slackKiB)
    }

    @Test func waitingFetchesOfOneConnectionDoNotPileUp() throws {
        let broker = try BrokerProcess()
        let good = try RawClient(port: broker.port)
        _ = try good.createTopic("t")
        let client = try RawClient(port: broker.port)
        for _ in 0..<200 { client.send(.fetch, version: 4, RawClient.fetch(topic: "t", offset: 0, maxWaitMs: 30_000)) }
        // Each one ends the wait of the one before it.
        for _ in 0..<199 { #expect(try RawClient.fetched(try #require(client.receive())).records.readableBytes == 0) }
        #expect(try roundTrip(good, topic: "t") < 5_000)
        #expect(try RawClient.fetched(try #require(client.receive())).records.readableBytes > 61)
    }

    @Test func fiveThousandIdleConnectionsDisturbNobody() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        try #require(limit.rlim_max >= 6_000, "needs 6,000 open files, this process may have \(limit.rlim_max)")
        let broker = try BrokerProcess()
        let good = try RawClient(port: broker.port)
        _ = try good.createTopic("t")
        let before = try broker.residentKiB()
        var idle: [RawClient] = []
        for number in 0..<5_000 {
            let client = try RawClient(port: broker.port)
            // Half of them stop in the middle of a request.
            if number % 2 == 0 { client.write([0, 0, 0, 50, 0, 3]) }
            idle.append(client)
        }
        var times: [Double] = []
        for _ in 0..<100 { times.append(try roundTrip(good, topic: "t")) }
        #expect(times.sorted()[50] < 100)
        #expect(try broker.residentKiB() - before < 5_000 * 24)
        #expect(idle.allSatisfy { !$0.isClosed })
    }

    @Test func aSmallRequestCannotAskForAHugeAnswer() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic("t", partitions: 100)
        var answer = try client.call(.metadata, version: 1) { writer in
            writer.array(0..<50_000) { writer, _ in writer.string("t") }
        }
        let layout = try Layout.response(ApiKey.metadata.rawValue)
        #expect(try layout.errors(in: answer, version: 1).count == 101)
        answer = try client.call(.metadata, version: 1) { $0.array(["t"]) { $0.string($1) } }
        client.send(.metadata, version: 1) { writer in
            writer.array(0..<BrokerLimits.maxRequestElements + 1) { writer, _ in writer.string("") }
        }
        #expect(client.receive() == nil)
    }

    @Test(arguments: [-2, Int(Int32.min), Int(Int32.max)])
    func countsThatLieCloseTheConnection(count: Int) throws {
        let broker = try BrokerProcess()
        for api in ApiKey.allCases {
            let layout = try Layout.request(api.rawValue)
            let version = min(api.versions.upperBound, layout.firstFlexible - 1)
            guard layout.fields.contains(where: { $0.type.hasPrefix("[") && $0.versions.contains(version) }) else { continue }
            let client = try RawClient(port: broker.port)
            client.send(api, version: version) { layout.write(version: version, to: &$0) { _ in .lie(count) } }
            #expect(client.receive() == nil, "\(api)")
        }
        _ = try RawClient(port: broker.port).createTopic("t")
    }

    @Test func refusedJoinsLeaveNoGroups() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        for number in 0..<50 {
            var answer = try client.call(.joinGroup, version: 1) { writer in
                writer.string("group-\(number)")
                writer.int32(number % 2 == 0 ? 1 : 6_000)  // A session of a millisecond is not allowed,
                writer.int32(6_000)
                writer.string(number % 2 == 0 ? "" : "somebody")  // nor is an id that nobody was given.
                writer.string("consumer")
                writer.array(["range"]) { writer, name in
                    writer.string(name)
                    writer.bytes([])
                }
            }
            #expect(try answer.int16() != 0)
        }
        var list = try client.call(.listGroups, version: 0) { _ in }
        _ = try list.int16()
        #expect(try list.count() == 0)
    }
}
