import Domain
import Foundation
import KafkaClient
import PostgresClient
import Testing
import Topics

@testable import WorkerRuntime

struct DeadLetterTests {
    @Test func theOriginalStaysAsItWasAndTheFailureIsInHeaders() throws {
        let headers = [
            KafkaHeader(name: "ce_id", text: "1"), KafkaHeader(name: "dlq_error", text: "an earlier one"), KafkaHeader(name: "x", value: [0, 255]),
        ]
        let message = KafkaMessage(
            topic: "booking.events", partition: 3, offset: 42, key: [0, 1], value: [255, 0], headers: headers, timestampMs: 5)
        let failure = Failure(.deadLetter, label: "server_23", message: String(repeating: "é", count: 2_000))
        let letter = DeadLetter(message: message, failure: failure, attempts: 4, firstFailureMs: 0, lastFailureMs: 1_000)
        let record = letter.record(topic: "inventory-sync.dlq", group: "inventory-sync", build: "abc")
        #expect(record.topic == "inventory-sync.dlq")
        #expect(record.key == [0, 1])
        #expect(record.value == [255, 0])
        #expect(record.timestampMs == 5)
        #expect(record.headers.filter { !DeadLetterHeader.contains($0.name) } == [headers[0], headers[2]])
        func text(_ header: DeadLetterHeader) -> String? { record.headers.text(header.rawValue) }
        #expect(text(.topic) == "booking.events")
        #expect(text(.partition) == "3")
        #expect(text(.offset) == "42")
        #expect(text(.attempts) == "4")
        #expect(text(.firstFailure) == Timestamp(ms: 0).description)
        #expect(text(.lastFailure) == Timestamp(ms: 1_000).description)
        #expect(text(.errorClass) == "server_23")
        #expect(try #require(text(.error)).utf8.count <= 1_027)
        #expect(text(.group) == "inventory-sync")
        #expect(text(.build) == "abc")
        #expect(text(.site)?.hasPrefix("WorkerRuntimeTests/DeadLetterTests.swift:") == true)
    }

    @Test func theAsyncAPIDocumentNamesEveryFailureHeader() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../topics/asyncapi.yaml").path
        let document = try String(contentsOfFile: path, encoding: .utf8)
        for header in RedriveHeader.allCases { #expect(document.contains("        \(header.rawValue): {"), "\(header.rawValue)") }
        for header in DeadLetterHeader.allCases { #expect(document.contains("        \(header.rawValue): {"), "\(header.rawValue)") }
    }

    @Test func errorsAreClassifiedByWhatTheySay() {
        #expect(Failure(KafkaError(.timeout, operation: "o", message: "m")).disposition == .outage)
        #expect(Failure(JSONError(path: ["a"], reason: "is missing")).disposition == .deadLetter)
        #expect(Failure(CancellationError()).disposition == .outage)
        let isolated = Failure(.retry, label: "l", message: "m", isIsolated: true)
        #expect(isolated.with(.deadLetter).isIsolated && Failure(Classified(failure: isolated)).isIsolated)
        #expect(!Failure(.retry, label: "l", message: "m").isIsolated)
        struct Unknown: Error {}
        #expect(Failure(Unknown()).disposition == .retry)
        struct Known: ClassifiedError { var failure: Failure { Failure(.fatal, label: "known", message: "m") } }
        #expect(Failure(Known()).label == "known")
    }

    @Test func aFailureSaysWhereItWasMade() {
        let line = #line + 1
        let error = KafkaError(.tooLarge, operation: "o", message: "m")
        #expect(Failure(error).site == "WorkerRuntimeTests/DeadLetterTests.swift:\(line)")
        #expect(Failure(PostgresError(code: .server, operation: "o", message: "m", constraint: "seat_zones_pkey")).site == "postgres/seat_zones_pkey")
        #expect(Failure(JSONError(path: ["zone", "held"], reason: "is missing")).site == "json/zone.held")
        #expect(Failure(JSONError(path: ["zone", "PoIsOn 17"], reason: "is missing")).site == "json/zone.?")
        struct Known: ClassifiedError {
            var failure: Failure { Failure(.retry, label: "known", message: "m") }
            var site: String? { "there:1" }
        }
        #expect(Failure(Known()).site == "there:1")
    }
}

private struct Classified: ClassifiedError {
    let failure: Failure
    var site: String? { "here" }
}
