import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import Synchronization
import Testing
import Topics

@testable import DeadLetters

@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct DeskTests {
    @Test func theIndexTakesEachRecordOnceHoweverManyRead() async throws {
        try await Desk.with { bench in
            try await bench.bury(700)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 { group.addTask { try await bench.desk().catchUp() } }
                var counts: [Int] = []
                for try await count in group { counts.append(count) }
                return counts
            }
            #expect(counts.reduce(0, +) == 700)
            let again = try await bench.desk().catchUp()
            #expect(again == 0)
            try await bench.send([Desk.letter("new", value: [1], offset: 1_000)])
            let more = try await bench.desk().catchUp()
            #expect(more == 1)
            let open = try await bench.desk().openCounts()
            #expect(open == ["payment": 701])
        }
    }

    @Test func aSecondCopyOfOneFailureIsPutAside() async throws {
        try await Desk.with { bench in
            try await bench.send([Desk.letter("m", value: [1], offset: 5), Desk.letter("m", value: [1], offset: 5)])
            _ = try await bench.desk().catchUp()
            let (letters, _) = try await bench.desk().list(DeadLetterFilter(status: .discarded))
            #expect(letters.map(\.reason) == ["a second copy of payment.dlq/0/0"])
            #expect(try await bench.statuses() == ["open": 1, "discarded": 1])
        }
    }

    @Test func groupsListAndSearchFindThem() async throws {
        try await Desk.with { bench in
            try await bench.bury(4)
            try await bench.send([
                Desk.letter(
                    "odd", value: Array("{\"Needle\":true}".utf8), error: "Card REFUSED", errorClass: "other", site: "s:1", offset: 90,
                    type: "payment.refund.v1")
            ])
            let desk = bench.desk()
            _ = try await desk.catchUp()
            let groups = try await desk.groups()
            #expect(groups.map(\.count) == [4, 1])
            #expect(groups.first?.errorClass == "gateway")
            #expect(groups.first?.first == "2026-11-21T10:00:00.000Z")
            #expect(groups.first?.last == "2026-11-21T10:00:07.000Z")
            for filter in [
                DeadLetterFilter(text: "needle"), DeadLetterFilter(text: "card refused"), DeadLetterFilter(type: "payment.refund.v1"),
                DeadLetterFilter(key: "key-odd"), DeadLetterFilter(errorClass: "other"), DeadLetterFilter(site: "s:1"), DeadLetterFilter(text: "odd"),
            ] {
                let (letters, total) = try await desk.list(filter)
                #expect(total == 1)
                #expect(letters.map(\.messageID) == ["odd"])
            }
            let none = try await desk.list(DeadLetterFilter(until: Timestamp(rfc3339: "2026-11-21T10:00:07Z"))).total
            #expect(none == 0)
            let all = try await desk.list(DeadLetterFilter(since: Timestamp(rfc3339: "2026-11-21T10:00:07Z"))).total
            #expect(all == 5)
            let page = try await desk.list(DeadLetterFilter(), page: 2, perPage: 3)
            #expect(page.letters.count == 2)
            let wild = try await desk.list(DeadLetterFilter(text: "%")).total
            #expect(wild == 0)
        }
    }

    @Test func whatIsShownIsTheRecordWithItsHistory() async throws {
        try await Desk.with { bench in
            try await bench.send([Desk.letter("h", value: [0xff, 1], offset: 3), Desk.letter("h", value: [0xff, 1], redrives: 1, offset: 3)])
            let desk = bench.desk()
            _ = try await desk.catchUp()
            let details = try await desk.show(DeadLetterPlace(topic: "payment.dlq", partition: 0, offset: 1))
            #expect(details.value?.base64 == "/wE=")
            #expect(details.key?.text == "key-h")
            #expect(details.letter.traceID == "0af7651916cd43dd8448eb211c80319c")
            #expect(details.letter.source == "payment.commands/0/3")
            #expect(details.history.map(\.redrives) == [0, 1])
            let error = await #expect(throws: DeadLettersError.self) {
                _ = try await desk.show(DeadLetterPlace(topic: "payment.dlq", partition: 0, offset: 77))
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test func discardedOnesAreLeftAloneAndSayWhy() async throws {
        try await Desk.with { bench in
            try await bench.bury(3)
            let desk = bench.desk()
            let dry = try await desk.discard(DeadLetterFilter(), reason: "r", actor: .operator("t"), dryRun: true)
            #expect(dry.reasons.map(\.count) == [3])
            #expect(dry.discarded == 0)
            let place = DeadLetterPlace(topic: "payment.dlq", partition: 0, offset: 0)
            let report = try await desk.discard(DeadLetterFilter(places: [place]), reason: "test data", actor: .operator("t"))
            #expect(report.discarded == 1)
            let redriven = try await desk.redrive(DeadLetterFilter(), RedriveOptions(actor: .operator("t"))).redriven
            #expect(redriven == 2)
            let letter = try await desk.show(place).letter
            #expect(letter.status == .discarded)
            #expect(letter.reason == "test data")
            #expect(letter.decidedBy == "operator:t")
        }
    }

    @Test func whatIsExportedComesBackToTheByte() async throws {
        try await Desk.with { bench in
            let letters = [
                Desk.letter("a", value: [0xff, 0, 1], offset: 1),
                Desk.letter("b", value: Array("{\"t\":\"e\u{301}\\u0000\u{0}\u{7f}\u{2028}\"}".utf8), offset: 2),
                KafkaRecord(
                    topic: "payment.dlq", partition: 0, key: [], value: nil, headers: [KafkaHeader(name: "dlq_offset", text: "3")], timestampMs: 5),
            ]
            try await bench.send(letters)
            let desk = bench.desk()
            _ = try await desk.catchUp()
            let lines = Mutex<[String]>([])
            let count = try await desk.export(DeadLetterFilter()) { line in lines.withLock { $0.append(line) } }
            #expect(count == 3)
            let exported = lines.withLock { $0 }
            #expect(exported.allSatisfy { !$0.contains("\n") })
            // Known ones are not taken in again.
            let first = try await desk.importing(Array(exported.prefix(2)), actor: .operator("t"))
            #expect(first.known == 2)
            _ = try await desk.discard(DeadLetterFilter(), reason: "moved", actor: .operator("t"))
            let second = try await desk.importing(exported, actor: .operator("t"))
            #expect(second.imported == 3)
            let records = try await bench.everything(.paymentDeadLetters).sorted { $0.offset < $1.offset }
            #expect(records.count == 6)
            for (old, new) in zip(records.prefix(3), records.suffix(3)) {
                #expect(old.key == new.key)
                #expect(old.value == new.value)
                #expect(old.headers == new.headers)
                #expect(old.timestampMs == new.timestampMs)
            }
            #expect(try await bench.statuses() == ["open": 3, "discarded": 3])
            let error = await #expect(throws: DeadLettersError.self) {
                _ = try await desk.importing(["", "{\"topic\":\"x.dlq\"}"], actor: .operator("t"))
            }
            #expect(error?.message.hasPrefix("line 2: topic") == true)
        }
    }
}

struct MergePatchTests {
    /// The cases of RFC 7396, appendix A.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#), (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#), (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#), (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, "null", "null"), (#"{"a":"foo"}"#, #""bar""#, #""bar""#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func patchesAsTheRFCSays(target: String, patch: String, result: String) throws {
        #expect(String(decoding: try MergePatch.apply(Array(patch.utf8), to: Array(target.utf8)), as: UTF8.self) == result)
    }

    @Test func placesAndFiltersReadWhatTheyWrite() throws {
        #expect(DeadLetterPlace("payment.dlq/3/17") == DeadLetterPlace(topic: "payment.dlq", partition: 3, offset: 17))
        for text in ["", "payment.dlq", "payment.dlq/3", "payment.dlq/-1/2", "a/b/c", "/1/2", "a/1/2/3"] { #expect(DeadLetterPlace(text) == nil) }
        let filter = DeadLetterFilter(
            group: "payment", errorClass: "e", since: Timestamp(ms: 5), status: .open, places: [DeadLetterPlace(topic: "t", partition: 1, offset: 2)])
        let json = try JSONEncoder().encode(filter)
        #expect(try JSONDecoder().decode(DeadLetterFilter.self, from: json) == filter)
        #expect(String(decoding: json, as: UTF8.self).contains("error_class"))
    }
}
