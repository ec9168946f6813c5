import Domain
import Foundation
import Testing

@Suite struct IdentifierTests {
    @Test func readsAndPrintsLikeFoundation() throws {
        for _ in 0..<1000 {
            let text = UUID().uuidString
            let bits = try #require(UUIDBits(text))
            #expect(bits.description == text.lowercased())
            #expect(UUIDBits(text.lowercased()) == bits)
        }
    }

    @Test(arguments: [
        "", "x", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000", "g0000000-0000-0000-0000-000000000000",
        "0000000000000-0000-0000-0000-00000000",
    ])
    func refusesWhatIsNoUUID(_ text: String) {
        #expect(UUIDBits(text) == nil)
    }

    @Test func carriesItsShardAndTime() {
        for shard in Shard.all {
            let id = BookingID.make(nowMs: 1_795_229_118_938, shard: shard)
            #expect(id.shard == shard)
            #expect(id.bits.version == 7)
            #expect(id.bits.high >> 16 == 1_795_229_118_938)
            #expect(id.bits.low >> 62 == 2)
        }
    }

    @Test func anIdOfAnotherVersionHasNoShard() throws {
        let id = try #require(BookingID("471ecd7a-d329-481a-8f2a-40e2dcdf1c41"))
        #expect(id.shard == nil)
    }

    @Test func eventsSpreadOverAllShards() {
        var counts = [Int](repeating: 0, count: Shard.count)
        for _ in 0..<6400 {
            let uuid = UUID()
            counts[Shard(of: EventID(UUIDBits(uuid.uuidString)!)).number] += 1
        }
        #expect(counts.allSatisfy { $0 > 40 && $0 < 180 })
    }

    @Test func anEventsShardNeverChanges() throws {
        // It is part of stored keys: these values are a contract.
        #expect(Shard(of: try #require(EventID("471ecd7a-d329-881a-8f2a-40e2dcdf1c41"))).number == 14)
        #expect(Shard(of: try #require(EventID("00000000-0000-0000-0000-000000000000"))).number == 28)
    }
}

@Suite struct TimestampTests {
    @Test func printsTheDateHeaderLikeFoundation() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var generator = SplitMix(seed: 8)
        for _ in 0..<2000 {
            let seconds = Int64.random(in: 0...4_000_000_000, using: &generator)
            #expect(Timestamp(ms: seconds * 1000 + 999).httpDate == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
        }
    }

    @Test func printsLikeFoundation() {
        var generator = SplitMix(seed: 7)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for _ in 0..<2000 {
            let ms = Int64.random(in: -10_000_000_000_000...250_000_000_000_000, using: &generator)
            // Foundation cuts what a double cannot hold; a fifth of a millisecond keeps it from falling below.
            #expect(Timestamp(ms: ms).description == Date(timeIntervalSince1970: (Double(ms) + 0.2) / 1000).formatted(style))
        }
    }
}
