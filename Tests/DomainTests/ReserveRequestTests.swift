import Domain
import Testing

@Suite struct ReserveRequestTests {
    private static let event = "471ecd7a-d329-881a-8f2a-40e2dcdf1c41"
    private static let seat = "66dabb31-71d9-8abc-9d99-901839e92be7"

    private func body(_ rest: String) -> [UInt8] {
        Array(#"{"event_id":"\#(Self.event)","show_id":"\#(Self.event)","zone_id":"\#(Self.event)"\#(rest)}"#.utf8)
    }

    @Test func takesAQuantityOrSeats() throws {
        #expect(try ReserveRequest(json: body(#","quantity":3"#)).quantity == 3)
        let named = try ReserveRequest(json: body(#","seat_ids":["\#(Self.seat)"]"#))
        #expect(named.quantity == 1)
        #expect(named.seats.count == 1)
    }

    @Test(arguments: [
        (#","quantity":0"#, "quantity"), (#","quantity":-1"#, "quantity"), (#","quantity":101"#, "quantity"),
        (#","quantity":1000000000000000000"#, "quantity"), (#","quantity":1.5"#, "quantity"), (#","quantity":"2""#, "quantity"), ("", "quantity"),
        (#","seat_ids":[]"#, "seat_ids"), (#","seat_ids":["x"]"#, "seat_ids"), (#","seat_ids":[1]"#, "seat_ids"), (#","seat_ids":"x""#, "seat_ids"),
        (#","seat_ids":["\#(seat)","\#(seat)"]"#, "seat_ids"), (#","seat_ids":["\#(seat)"],"quantity":2"#, "quantity"), (#","extra":1"#, "extra"),
    ])
    func namesTheFieldAtFault(_ rest: String, _ field: String) {
        let failure = #expect(throws: ValidationFailure.self) { try ReserveRequest(json: body(rest)) }
        #expect(failure?.faults.map(\.field).contains(field) == true)
    }

    @Test func namesEveryMissingId() {
        let failure = #expect(throws: ValidationFailure.self) { try ReserveRequest(json: Array(#"{"quantity":1}"#.utf8)) }
        #expect(failure?.faults.map(\.field) == ["event_id", "show_id", "zone_id"])
    }

    @Test(arguments: ["", "nope", "[]", "null", "\"x\"", "{\"event_id\":1}", "{"])
    func refusesWhatIsNoObject(_ text: String) {
        #expect(throws: ValidationFailure.self) { try ReserveRequest(json: Array(text.utf8)) }
    }
}

@Suite struct BookingStatusTests {
    @Test func finalStatesFreeTheirSeats() {
        for status in BookingStatus.allCases { #expect(status.isLive == !status.isFinal) }
    }

    @Test func nothingFollowsAFinalState() {
        for status in BookingStatus.allCases {
            for before in status.predecessors { #expect(before.isLive) }
        }
    }
}
