import CurlClient
import HTTPTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct FailureTests {
    /// The error of one request.
    private func failure(
        _ url: String, _ configuration: CurlConfiguration = CurlConfiguration(timeout: .milliseconds(400), connectTimeout: .milliseconds(300)),
        method: HTTPRequest.Method = .post
    ) async throws -> CurlError {
        try await withClient(configuration) { client in
            do {
                let response = try await client.send(HTTPRequest(method: method, url: url, body: [1]))
                throw ServerFailure(text: "answered \(response.status)")
            } catch let error as CurlError {
                return error
            }
        }
    }

    @Test func refusedConnectionWasCertainlyNotSent() async throws {
        let server = try ScriptedServer { _, _ in [] }
        server.stopListening()
        let error = try await failure(server.url)
        #expect(error.code == .notConnected)
        #expect(!error.mayHaveBeenSent)
    }

    @Test func unknownHostWasCertainlyNotSent() async throws {
        let error = try await failure("http://no-such-host.invalid/", CurlConfiguration(timeout: .seconds(20), connectTimeout: .seconds(20)))
        #expect(error.code == .notResolved)
        #expect(!error.mayHaveBeenSent)
    }

    @Test func silentServerIsATimeoutWithUnknownFate() async throws {
        let server = try ScriptedServer { _, _ in [.hang] }
        let error = try await failure(server.url)
        #expect(error.code == .timeout)
        #expect(error.mayHaveBeenSent)
    }

    @Test func answerThatTricklesIsATimeout() async throws {
        let server = try ScriptedServer { _, _ in
            [.raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")] + (0..<40).flatMap { _ in [.raw("x"), .wait(.milliseconds(50))] }
        }
        let error = try await failure(server.url)
        #expect(error.code == .timeout)
        #expect(error.mayHaveBeenSent)
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"])
    func connectionClosedHalfWayIsLost(_ start: String) async throws {
        let server = try ScriptedServer { _, _ in [.raw(start), .close] }
        let error = try await failure(server.url)
        #expect(error.code == .connectionLost || error.code == .protocolViolation)
        #expect(error.mayHaveBeenSent)
    }

    @Test func garbageIsAProtocolViolation() async throws {
        let server = try ScriptedServer { _, _ in [.raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), .close] }
        let error = try await failure(server.url)
        #expect(error.code == .protocolViolation)
        #expect(error.mayHaveBeenSent)
    }

    @Test func hugeBodyAndHugeHeadersAreGivenUp() async throws {
        let body = try ScriptedServer { _, _ in [.answer(200, String(repeating: "x", count: 200_000))] }
        let headers = try ScriptedServer { _, _ in
            [.answer(200, headers: (0..<4_000).map { "x-\($0): \(String(repeating: "y", count: 40))" })]
        }
        for server in [body, headers] {
            let error = try await failure(server.url, CurlConfiguration(timeout: .seconds(5), maxResponseBytes: 100_000))
            #expect(error.code == .tooLarge)
            #expect(error.mayHaveBeenSent)
        }
    }

    /// libcurl tries a request anew when a kept connection turns out to be dead. The second try's refusal must not hide that the first was sent.
    @Test func refusalAfterADeadConnectionIsOfUnknownFate() async throws {
        let server = try ScriptedServer { _, number in number == 1 ? [.answer(200)] : [.stopListening, .close] }
        try await withClient(CurlConfiguration(timeout: .seconds(2))) { client in
            _ = try await client.send(HTTPRequest(method: .post, url: server.url, body: [1]))
            do {
                _ = try await client.send(HTTPRequest(method: .post, url: server.url, body: [2]))
                Issue.record("answered")
            } catch let error as CurlError {
                #expect(error.mayHaveBeenSent, "\(error)")
            }
        }
        #expect(server.requests.count == 2)
    }

    @Test func serverWithoutTLSIsNotTrusted() async throws {
        let server = try ScriptedServer { _, _ in [.answer(200)] }
        let error = try await failure("https://127.0.0.1:\(server.port)/", CurlConfiguration(timeout: .seconds(2)))
        #expect(error.code == .tls || error.code == .timeout)
        #expect(!error.mayHaveBeenSent)
    }

    @Test(arguments: ["file:///etc/passwd", "not a url", "http://127.0.0.1:1/\r\nx: y", "gopher://127.0.0.1/"])
    func wrongAddressesAreRefused(_ url: String) async throws {
        let error = try await failure(url)
        #expect(error.code == .invalidRequest)
        #expect(!error.mayHaveBeenSent)
    }

    @Test func lineBreakInAHeaderIsRefused() async throws {
        let server = try ScriptedServer { _, _ in [.answer(200)] }
        try await withClient { client in
            await #expect(throws: CurlError.self) {
                _ = try await client.send(HTTPRequest(url: server.url, headers: [("X-A", "1\r\nX-B: 2")]))
            }
        }
        #expect(server.requests.isEmpty)
    }

    @Test func cancelledTaskEndsAtOnce() async throws {
        let server = try ScriptedServer { _, _ in [.hang] }
        try await withClient(CurlConfiguration(timeout: .seconds(30))) { client in
            let task = Task { try await client.send(HTTPRequest(method: .post, url: server.url, body: [1])) }
            try await eventually("the request is there") { server.requests.count == 1 }
            task.cancel()
            let result = await task.result
            guard case .failure(let error as CurlError) = result else { throw ServerFailure(text: "no error") }
            #expect(error.code == .cancelled)
            #expect(error.mayHaveBeenSent)
            try await eventually("nothing is pending") { client.pending == 0 }
        }
    }

    @Test func waitingRequestsAreBoundedExpireAndCanBeCancelled() async throws {
        let server = try ScriptedServer { _, _ in [.hang] }
        let configuration = CurlConfiguration(timeout: .seconds(30), maxConnections: 1, maxPending: 3, drainTimeout: .milliseconds(50))
        try await withClient(configuration) { client in
            let first = Task { try await client.send(HTTPRequest(url: server.url)) }
            try await eventually("the first is in flight") { server.requests.count == 1 }
            let second = Task { try await client.send(HTTPRequest(url: server.url, timeout: .milliseconds(100))) }
            let third = Task { try await client.send(HTTPRequest(url: server.url)) }
            try await eventually("three are pending") { client.pending == 3 }
            let refused = await Task { try await client.send(HTTPRequest(url: server.url)) }.result
            guard case .failure(let overloaded as CurlError) = refused else { throw ServerFailure(text: "no error") }
            #expect(overloaded.code == .overloaded)
            guard case .failure(let expired as CurlError) = await second.result else { throw ServerFailure(text: "no error") }
            #expect(expired.code == .timeout)
            #expect(!expired.mayHaveBeenSent)
            third.cancel()
            guard case .failure(let cancelled as CurlError) = await third.result else { throw ServerFailure(text: "no error") }
            #expect(cancelled.code == .cancelled)
            #expect(!cancelled.mayHaveBeenSent)
            // The drain gives up the one in flight.
            await client.shutdown()
            guard case .failure(let stopped as CurlError) = await first.result else { throw ServerFailure(text: "no error") }
            #expect(stopped.code == .stopped)
            #expect(stopped.mayHaveBeenSent)
            await #expect(throws: CurlError.self) { _ = try await client.send(HTTPRequest(url: server.url)) }
        }
    }

    @Test func clientThatWasNotStartedRefuses() async throws {
        await #expect(throws: CurlError.self) { _ = try await CurlClient().send(HTTPRequest(url: "http://127.0.0.1:1/")) }
    }
}
