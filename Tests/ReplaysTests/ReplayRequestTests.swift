import Domain
import Foundation
import Testing

@testable import Replays

struct ReplayRequestTests {
    @Test func theJSONReadsBackAsItself() throws {
        let requests = [
            ReplayRequest(
                topic: "payment.commands", from: .time(Timestamp(ms: 1_700_000_000_000)), until: .offset(5), partitions: [0, 3], key: "k", type: "t",
                into: .worker("payment"), rate: 10),
            ReplayRequest(topic: "booking.events", from: .offset(0), into: .group("inventory-sync"), stopFleet: true),
            .rebuild(.bookings, acceptDifferences: true),
        ]
        for request in requests { #expect(try ReplayStore.request(ReplayStore.json(request)) == request) }
        let short = try JSONDecoder().decode(ReplayRequest.self, from: Data(#"{"into":{"rebuild":"payments"}}"#.utf8))
        #expect(short == .rebuild(.payments))
    }

    @Test(arguments: [
        #"{"into":{"rebuild":"audit"}}"#, #"{"into":{"rebuild":"seats"}}"#, #"{"into":{"worker":"payment"}}"#,
        #"{"topic":"t","from":{"time":"yesterday"},"into":{"worker":"payment"}}"#, #"{"topic":"t"}"#,
    ])
    func aFaultyRequestIsRefused(json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(ReplayRequest.self, from: Data(json.utf8)) }
    }

    @Test func projectionsThatAreNotHereYetAreNamed() {
        #expect(ProjectionName.refusal(of: "audit").contains("only ever added to"))
        #expect(ProjectionName.refusal(of: "seats").contains("bookings, payments, refunds, operations"))
    }

    @Test(arguments: [
        ReplayRequest(topic: "t", into: .group("g")), ReplayRequest(topic: "t", from: .offset(0), until: .offset(1), into: .group("g")),
        ReplayRequest(topic: "t", from: .offset(0), key: "k", into: .group("g")),
        ReplayRequest(topic: "t", from: .offset(0), into: .group("g"), rate: 1),
        ReplayRequest(topic: "t", from: .offset(-1), into: .worker("g")), ReplayRequest(topic: "t", into: .worker("g"), rate: 0),
        ReplayRequest(topic: "t", partitions: [], into: .worker("g")), ReplayRequest(topic: "payment.events", into: .rebuild(.bookings)),
        ReplayRequest(topic: "booking.events", from: .offset(1), into: .rebuild(.bookings)),
        ReplayRequest(topic: "t", into: .worker("g"), stopFleet: true),
    ])
    func whatContradictsItselfIsRefused(request: ReplayRequest) {
        let error = #expect(throws: ReplayError.self) { try request.validate() }
        #expect(error?.code == .invalidRequest)
    }
}
