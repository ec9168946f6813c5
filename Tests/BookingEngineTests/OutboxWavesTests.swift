import Domain
import Testing

@testable import BookingEngine

/// What of the outbox may be under way together.
@Suite struct OutboxWavesTests {
    private static func entry(_ number: Int, _ type: MessageType, _ key: String) -> OutboxEntry {
        OutboxEntry(id: "\(number)-0", shard: Shard(truncating: 0), type: type, key: key, version: "1", trace: "", value: [])
    }

    private func waves(_ entries: [(MessageType, String)]) -> [[String]] {
        OutboxPublisher.waves(entries.enumerated().map { Self.entry($0.offset, $0.element.0, $0.element.1) }).map { $0.map(\.id) }
    }

    @Test func aCommandWaitsForWhatItsBookingToldBefore() {
        let told = waves([
            (.bookingCreated, "a"), (.bookingCreated, "b"), (.bookingCancel, "a"), (.bookingCreated, "c"), (.bookingUpdated, "c"),
            (.bookingCancel, "b"), (.bookingCancelled, "a"),
        ])
        #expect(told == [["0-0", "1-0", "3-0", "4-0"], ["2-0", "5-0"], ["6-0"]])
    }

    @Test func whatNeedNotWaitGoesTogether() {
        #expect(waves([]) == [])
        #expect(waves((0..<500).map { (.bookingCreated, "\($0)") }).map(\.count) == [500])
        #expect(waves((0..<500).flatMap { [(.bookingCreated, "\($0)"), (.bookingCancel, "\($0)")] }).map(\.count) == [500, 500])
    }
}
