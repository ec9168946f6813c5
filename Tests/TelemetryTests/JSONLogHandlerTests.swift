import Foundation
import Logging
import Testing

@testable import Telemetry

@Suite struct JSONLogHandlerTests {
    @Test func lineHasTheFieldsOfTheContract() throws {
        let line = try logged { logger in
            logger.info("booking reserved", metadata: ["trace_id": "t", "request_id": "r", "user_id": "u", "kafka.partition": "\(3)"])
        }
        #expect(line["level"] as? String == "info")
        #expect(line["service"] as? String == "ingress")
        #expect(line["logger"] as? String == "test")
        #expect(line["message"] as? String == "booking reserved")
        #expect(line["trace_id"] as? String == "t")
        #expect(line["user_id"] as? String == "u")
        let timestamp = try #require(line["timestamp"] as? String)
        #expect(timestamp.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }

    @Test func personalDataAndSecretsAreMaskedAtAnyDepth() throws {
        let line = try logged { logger in
            logger.info("login", metadata: ["user.Email": "a@b.c", "access_token": "x", "body": ["password": "p", "name": "n"]])
        }
        #expect(line["user.Email"] as? String == "***")
        #expect(line["access_token"] as? String == "***")
        let body = try #require(line["body"] as? [String: String])
        #expect(body == ["password": "***", "name": "n"])
    }

    @Test func anyTextStaysOneLineOfValidJSON() throws {
        let hostile = "quote\" back\\slash \n\r\t\u{0}\u{1b} ไทย 🎫"
        let line = try logged { logger in logger.warning("odd", metadata: ["text": "\(hostile)", "level": "mine"]) }
        #expect(line["text"] as? String == hostile)
        #expect(line["metadata.level"] as? String == "mine")
        #expect(line["level"] as? String == "warning")
    }

    @Test func valuesThatAreNumbersAreNumbers() throws {
        let line = try logged { logger in
            logger.info("figures", metadata: ["count": .stringConvertible(12), "ratio": .stringConvertible(0.5), "list": ["a", "b"]])
        }
        #expect(line["count"] as? Int == 12)
        #expect(line["ratio"] as? Double == 0.5)
        #expect(line["list"] as? [String] == ["a", "b"])
    }

    @Test func longValueIsCut() throws {
        let line = try logged { logger in logger.info("long", metadata: ["text": .string(String(repeating: "x", count: 100_000))]) }
        let text = try #require(line["text"] as? String)
        #expect(text.utf8.count < LogLine.maxValueBytes + 10)
        #expect(text.hasSuffix("…"))
    }

    @Test func runningTaskPutsItsTraceOnTheLine() throws {
        let context = TraceContext()
        let line = try TraceContext.$current.withValue(context) { try logged { logger in logger.info("traced") } }
        #expect(line["trace_id"] as? String == context.traceID)
        #expect(line["span_id"] as? String == context.spanID)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"), (4_102_444_800_000, "2100-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
    ])
    func timestampIsTheUTCDate(timestampMs: Int64, expected: String) {
        var line = LogLine()
        line.begin(timestampMs: timestampMs, level: .info, service: "s", label: "l")
        #expect(String(decoding: line.bytes, as: UTF8.self).hasPrefix("{\"timestamp\":\"\(expected)\""))
    }

    /// Logs into a file, and reads back its only line.
    private func logged(_ body: (Logger) -> Void) throws -> [String: Any] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("telemetry-\(UUID().uuidString).log").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let logger = Logger(label: "test") { label in
            JSONLogHandler(service: "ingress", label: label, level: .info, metadataProvider: TraceContext.metadataProvider, descriptor: file)
        }
        body(logger)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasSuffix("\n"))
        #expect(text.filter { $0 == "\n" }.count == 1)
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
}
