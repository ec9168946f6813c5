import Testing

@testable import Domain

struct OpsCommandTests {
    @Test(arguments: [
        OpsRequest.redrive(.init(filter: Array(#"{"group":"payment"}"#.utf8), maxRedrives: 3, rate: 50)),
        .redrive(.init(filter: Array("{}".utf8), maxRedrives: 1, rate: nil)),
        .discard(.init(filter: Array(#"{"places":["payment.dlq/3/17"]}"#.utf8), reason: "a \"test\"")),
        .importing(ndjson: "{\"a\":1}\n{\"b\":2}\n"),
        .replay(Array(#"{"topic":"booking.events","from":{"offset":3}}"#.utf8)),
    ])
    func aCommandReadsAsItWasWritten(request: OpsRequest) throws {
        let command = OpsCommand(
            operation: .make(nowMs: 1_700_000_000_000, shard: Shard(truncating: 5)),
            user: try #require(UserID("0190b6a5-0000-7000-8000-000000000001")), request: request,
            origin: .init(address: "127.0.0.1", agent: nil, requestID: "r-1"))
        #expect(try OpsCommand(request.messageType, json: command.json) == command)
        #expect(command.pending.resource == "/api/v1/admin/jobs/\(command.operation)")
    }

    @Test(arguments: [
        (MessageType.opsRedrive, #"{"operation_id":"x"}"#, "operation_id"),
        (.opsRedrive, #"{"request":{"max_redrives":3}}"#, "request.filter"),
        (.opsDiscard, #"{"request":{"filter":{}}}"#, "request.reason"),
        (.opsImport, #"{"request":{}}"#, "request.ndjson"),
        (.bookingCancel, #"{"request":{}}"#, "request"),
    ])
    func aWrongCommandIsAnErrorThatNamesTheMember(type: MessageType, json: String, field: String) {
        let error = #expect(throws: JSONError.self) { _ = try OpsCommand(type, json: Array(json.utf8)) }
        #expect(error?.field == field)
    }
}

struct TimestampParsingTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-21T10:00:00.250Z", 1_795_255_200_250), ("2026-11-21T12:00:00.2509+02:00", 1_795_255_200_250),
        ("2024-02-29T23:59:59-01:30", 1_709_256_599_000), ("1969-12-31T23:59:59.999Z", -1),
    ])
    func itReadsRFC3339(text: String, ms: Int64) {
        #expect(Timestamp(rfc3339: text)?.ms == ms)
    }

    @Test func itReadsWhatItWrites() {
        for ms in stride(from: Int64(-1_000_000_000_000), to: 4_000_000_000_000, by: 7_777_777_777) {
            #expect(Timestamp(rfc3339: Timestamp(ms: ms).description)?.ms == ms)
        }
    }

    @Test(arguments: [
        "", "2026", "2026-11-21", "2026-11-21T10:00:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T10:00:00.Z",
        "2026-11-21T10:00:00Zx", "2026-11-21T10:00:00+2:00", "-026-11-21T10:00:00Z",
    ])
    func itRefusesTheRest(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }
}
