import CurlClient
import HTTPTestSupport
import Testing

/// A started client, ended after the test.
@discardableResult
func withClient<Result>(
    _ configuration: CurlConfiguration = CurlConfiguration(timeout: .seconds(5)), _ body: (CurlClient) async throws -> Result
) async throws -> Result {
    let client = CurlClient(configuration: configuration)
    try client.start()
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

@Suite(.timeLimit(.minutes(1)))
struct RequestTests {
    @Test func requestAndAnswerArriveWhole() async throws {
        let server = try ScriptedServer { _, _ in [.answer(201, "{\"a\":1}", headers: ["X-Note:  two words "])] }
        let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let response = try await withClient { client in
            try await client.send(
                HTTPRequest(method: .post, url: server.url + "/p?q=1", headers: [("X-Key", "v"), ("X-Empty", "")], body: body))
        }
        #expect(response.status == 201)
        #expect(response.body == Array("{\"a\":1}".utf8))
        #expect(response.header("x-note") == "two words")
        let request = try #require(server.requests.first)
        #expect(request.method == "POST")
        #expect(request.target == "/p?q=1")
        #expect(request.headers["x-key"] == "v")
        #expect(request.headers["x-empty"] == "")
        #expect(request.headers["expect"] == nil)
        #expect(request.body == body)
    }

    @Test(arguments: [HTTPRequest.Method.get, .post, .put, .patch, .delete])
    func eachMethodIsSent(_ method: HTTPRequest.Method) async throws {
        let server = try ScriptedServer { _, _ in [.answer(200)] }
        let response = try await withClient { try await $0.send(HTTPRequest(method: method, url: server.url)) }
        #expect(response.status == 200)
        #expect(server.requests.first?.method == method.rawValue)
    }

    @Test func connectionsAreKeptAndBounded() async throws {
        let server = try ScriptedServer { _, _ in [.wait(.milliseconds(2)), .answer(200)] }
        try await withClient(CurlConfiguration(maxConnections: 4)) { client in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<200 { group.addTask { try await client.send(HTTPRequest(url: server.url)).status } }
                for try await status in group { #expect(status == 200) }
            }
        }
        #expect(server.requests.count == 200)
        #expect(server.connectionCount <= 4)
    }

    @Test func interimAnswersArePassedOver() async throws {
        let server = try ScriptedServer { _, _ in [.raw("HTTP/1.1 103 Early Hints\r\nx-early: 1\r\n\r\n"), .answer(200, "yes")] }
        let response = try await withClient { try await $0.send(HTTPRequest(url: server.url)) }
        #expect(response.status == 200)
        #expect(response.header("x-early") == nil)
    }

    @Test func redirectsAreNotFollowed() async throws {
        let server = try ScriptedServer { _, _ in [.answer(302, headers: ["location: /elsewhere"])] }
        let response = try await withClient { try await $0.send(HTTPRequest(url: server.url)) }
        #expect(response.status == 302)
        #expect(server.requests.count == 1)
    }

    @Test func thousandsOfRequestsPassInASecond() async throws {
        let server = try ScriptedServer { _, _ in [.answer(200)] }
        let count = 4_000
        let elapsed = try await withClient(CurlConfiguration(maxConnections: 16)) { client in
            try await ContinuousClock().measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            for _ in 0..<(count / 16) { _ = try await client.send(HTTPRequest(method: .post, url: server.url, body: [1, 2, 3])) }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
        let rate = Double(count) / (elapsed / .seconds(1))
        print("curl client: \(Int(rate)) requests/s over 16 connections, debug or release as built")
        #expect(rate > 1_000)
    }
}
