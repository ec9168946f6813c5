import NIOCore
import Testing

@testable import EmbeddedBroker

/// What ApiVersions lists is what is served: a valid request of each version, its answer read by Apache Kafka's own layouts.
@Suite(.serialized) struct AdvertisedTests {
    /// Errors that a valid request gets here, because of what the broker leaves out or what the request is about.
    private static func expected(_ api: ApiKey, version: Int16) -> ErrorCode {
        switch (api, version) {
        case (.produce, ...2): .unsupportedForMessageFormat
        case (.joinGroup, 4...): .memberIDRequired
        // These need a member; the groups' own tests have some.
        case (.heartbeat, _), (.syncGroup, _), (.leaveGroup, _): .unknownMemberID
        default: .none
        }
    }

    @Test func everyVersionListedIsServed() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        _ = try client.createTopic(ValidRequests.topic, partitions: 3)
        var list = try client.call(.apiVersions, version: 0) { _ in }
        _ = try list.int16()
        let listed = try list.array { reader throws(BrokerError) in (try reader.int16(), try reader.int16(), try reader.int16()) }
        #expect(listed.map(\.0) == ApiKey.allCases.map(\.rawValue))
        for (key, low, high) in listed {
            let api = try #require(ApiKey(rawValue: key))
            for version in low...high {
                client.write(frame: try ValidRequests.frame(api, version: version))
                var answer = try #require(client.receive(), "no answer to \(api) \(version)")
                let layout = try Layout.response(key)
                if version >= layout.firstFlexible, api != .apiVersions { try answer.tags() }
                let errors = try layout.errors(in: answer, version: version)
                let expected = Self.expected(api, version: version).rawValue
                #expect(
                    errors.allSatisfy { $0 == expected || $0 == 0 } && (expected == 0 || errors.contains(expected)), "\(api) \(version): \(errors)")
            }
        }
    }

    @Test func transactionsAreRefusedClearly() throws {
        let broker = try BrokerProcess()
        let client = try RawClient(port: broker.port)
        var answer = try client.call(.initProducerID, version: 0) { writer in
            writer.nullableString("transaction")
            writer.int32(1_000)
        }
        _ = try answer.int32()
        #expect(try answer.int16() == ErrorCode.transactionalIDAuthorizationFailed.rawValue)
        var coordinator = try client.call(.findCoordinator, version: 1) { writer in
            writer.string("transaction")
            writer.int8(1)
        }
        _ = try coordinator.int32()
        #expect(try coordinator.int16() == ErrorCode.transactionalIDAuthorizationFailed.rawValue)
        // The requests of a transaction itself are not listed: AddPartitionsToTxn closes the connection.
        client.write([0, 0, 0, 10, 0, 24, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF])
        #expect(client.receive() == nil)
    }
}
