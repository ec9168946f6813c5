import Domain
import KafkaClient
import KafkaTestSupport
import Synchronization
import Testing
import Topics

@testable import DeadLetters

@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct RedriveTests {
    private let options = RedriveOptions(actor: .operator("test"), jobID: "job-1")
    private struct Crash: Error {}

    @Test func aRedrivenMessageIsTheOriginalToTheByteOnItsGroupsTopic() async throws {
        try await Desk.with { bench in
            let poison: [UInt8] = [0xff, 0x00, 0xfe, 0x7b]
            let letter = Desk.letter("p", value: poison, partition: 1, offset: 9)
            try await bench.send([letter, KafkaRecord(topic: "payment.dlq", partition: 0, key: nil, value: nil)])
            let report = try await bench.desk().redrive(DeadLetterFilter(group: "payment"), options)
            #expect(report.redriven == 2)
            #expect(report.failed.isEmpty)
            let sent = try await bench.everything(.paymentRedrives)
            let copy = try #require(sent.first { $0.headers.text("ce_id") == "p" })
            #expect(copy.value == poison)
            #expect(copy.key == letter.key)
            #expect(copy.timestampMs == letter.timestampMs)
            #expect(copy.partition == 1)
            #expect(Array(copy.headers.prefix(letter.headers.count)) == letter.headers)
            #expect(copy.headers.dropFirst(letter.headers.count).map(\.text) == ["payment.dlq/1/0", "1"])
            let empty = try #require(sent.first { $0.headers.text("ce_id") == nil })
            #expect(empty.key == nil)
            #expect(empty.value == nil)
            #expect(empty.headers.text("dlq_topic") == "payment.dlq")
            for topic in [Topic.paymentCommands, .expiryRedrives, .paymentRetry1] { #expect(try await bench.everything(topic).isEmpty) }
            let (letters, total) = try await bench.desk().list(DeadLetterFilter(status: .redriven))
            #expect(total == 2)
            #expect(Set(letters.map(\.redrivenTo)) == ["payment.redrive/1/0", "payment.redrive/0/0"])
            let outcomes = bench.audited.withLock { $0.map { "\($0.action) \($0.outcome.rawValue) \($0.actor)" } }
            #expect(outcomes == ["dlq.redrive accepted operator:test", "dlq.redrive succeeded operator:test"])
            // Once is enough.
            let again = try await bench.desk().redrive(DeadLetterFilter(group: "payment"), options)
            #expect(again.redriven == 0)
        }
    }

    @Test func aDryRunSaysWhyAndDoesNothing() async throws {
        try await Desk.with { bench in
            try await bench.bury(3)
            try await bench.send([Desk.letter("j", value: [1], errorClass: "undecodable", site: "json/document", offset: 50)])
            var dry = options
            dry.isDryRun = true
            let report = try await bench.desk().redrive(DeadLetterFilter(), dry)
            #expect(report.matched == 4)
            #expect(report.reasons.map(\.count) == [3, 1])
            #expect(report.reasons.map(\.site) == ["Payment/Saga.swift:7", "json/document"])
            #expect(try await bench.statuses() == ["open": 4])
            #expect(try await bench.everything(.paymentRedrives).isEmpty)
            #expect(bench.audited.withLock { $0.isEmpty })
        }
    }

    @Test func whatWasRedrivenTooOftenStays() async throws {
        try await Desk.with { bench in
            try await bench.send((0..<4).map { Desk.letter("r\($0)", value: [1], redrives: $0, offset: Int64($0)) })
            let report = try await bench.desk().redrive(DeadLetterFilter(), options)
            #expect(report.redriven == 3)
            #expect(report.stayed == 1)
            let counts = try await bench.everything(.paymentRedrives).map { $0.headers.filter { $0.name == "redrive_count" }.map(\.text) }
            #expect(Set(counts) == [["1"], ["2"], ["3"]])
            #expect(try await bench.statuses() == ["redriven": 3, "open": 1])
        }
    }

    @Test func twoOperatorsAtOnceDoEachMessageOnce() async throws {
        try await Desk.with { bench in
            try await bench.bury(1_600)
            _ = try await bench.desk().catchUp()
            let operators = ["a", "b", "c"].map { RedriveOptions(actor: .operator($0), jobID: "job-\($0)") }
            let reports = try await withThrowingTaskGroup(of: RedriveReport.self) { group in
                for options in operators { group.addTask { try await bench.desk().redrive(DeadLetterFilter(), options) } }
                var reports: [RedriveReport] = []
                for try await report in group { reports.append(report) }
                return reports
            }
            #expect(reports.reduce(0) { $0 + $1.redriven } == 1_600)
            let ids = try await bench.everything(.paymentRedrives).compactMap { $0.headers.text("ce_id") }
            #expect(ids.count == 1_600)
            #expect(Set(ids).count == 1_600)
            #expect(try await bench.statuses() == ["redriven": 1_600])
        }
    }

    @Test(arguments: ["claimed", "sent", "marked"])
    func afterAKillTheSameJobSendsOnlyTheRest(place: String) async throws {
        try await Desk.with { bench in
            try await bench.bury(1_200)
            let passed = Mutex(0)
            // In the second portion.
            let killed = bench.desk { step in
                guard "\(step)" == place else { return }
                if passed.withLock({ count in
                    count += 1
                    return count == 2
                }) {
                    throw Crash()
                }
            }
            await #expect(throws: DeadLettersError.self) { _ = try await killed.redrive(DeadLetterFilter(), options) }
            // Another job leaves them alone while the claims hold, and says so.
            var other = options
            other.jobID = "job-2"
            other.isDryRun = true
            let seen = try await bench.desk().redrive(DeadLetterFilter(), other)
            #expect(seen.busy == (place == "marked" ? 0 : 500))
            let report = try await bench.desk().redrive(DeadLetterFilter(), options)
            #expect(report.foundSent == (place == "sent" ? 500 : 0))
            #expect(try await bench.statuses() == ["redriven": 1_200])
            let ids = try await bench.everything(.paymentRedrives).compactMap { $0.headers.text("ce_id") }
            #expect(ids.count == 1_200)
            #expect(Set(ids).count == 1_200)
        }
    }

    @Test func whenTheClaimsAreOldAnyJobTakesThemOver() async throws {
        try await Desk.with { bench in
            try await bench.bury(10)
            let killed = bench.desk { if "\($0)" == "sent" { throw Crash() } }
            await #expect(throws: DeadLettersError.self) { _ = try await killed.redrive(DeadLetterFilter(), options) }
            _ = try await bench.database.query("UPDATE dead_letters SET claimed_until = now() - interval '1 second'")
            var other = options
            other.jobID = "job-2"
            let report = try await bench.desk().redrive(DeadLetterFilter(), other)
            #expect(report.redriven == 10)
            #expect(report.foundSent == 10)
            #expect(try await bench.everything(.paymentRedrives).count == 10)
        }
    }

    @Test func aChangedMessageIsANewOneThatIsLinked() async throws {
        try await Desk.with { bench in
            try await bench.send([Desk.letter("e", value: Array("{\"amount_minor\": 1.50, \"x\":{\"a\":1,\"b\":2}}".utf8), offset: 1)])
            var edit = options
            edit.edit = Array("{\"currency\":\"THB\",\"x\":{\"a\":null}}".utf8)
            let desk = bench.desk()
            await #expect(throws: DeadLettersError.self) { _ = try await desk.redrive(DeadLetterFilter(), edit) }
            let place = DeadLetterPlace(topic: "payment.dlq", partition: 0, offset: 0)
            let report = try await desk.redrive(DeadLetterFilter(places: [place]), edit)
            #expect(report.redriven == 1)
            let copy = try #require(try await bench.everything(.paymentRedrives).first)
            #expect(String(decoding: copy.value ?? [], as: UTF8.self) == "{\"amount_minor\":1.50,\"x\":{\"b\":2},\"currency\":\"THB\"}")
            #expect(copy.headers.text("ce_id") == "edit/job-1/payment.dlq/0/0")
            #expect(copy.headers.text("redrive_edit_of") == "e")
            let details = try await desk.show(place)
            #expect(details.letter.editedAs == "edit/job-1/payment.dlq/0/0")
            #expect(details.value?.text?.contains("1.50, ") == true)
        }
    }

    @Test func theRateIsKept() async throws {
        try await Desk.with { bench in
            try await bench.bury(40)
            var slow = options
            slow.rate = 20
            let start = ContinuousClock.now
            let steps = Mutex<[Int]>([])
            let report = try await bench.desk().redrive(DeadLetterFilter(), slow) { progress in steps.withLock { $0.append(progress.done) } }
            #expect(report.redriven == 40)
            #expect(ContinuousClock.now - start >= .seconds(2))
            #expect(steps.withLock { $0 } == [20, 40])
        }
    }
}
