import Testing

@testable import LocalStack

@Suite(.timeLimit(.minutes(1))) struct HTTPProbeTests {
    @Test func getReturnsStatusHeadersAndBody() async throws {
        let server = try await ScriptedServer { _ in .json(202, #"{"data":{"id":"b1","n":3,"list":[true,null,1.5]}}"#) }
        let answer = try await HTTPProbe(port: server.port).get("/x")
        #expect(answer.status == 202)
        #expect(answer.header("content-TYPE") == "application/json")
        #expect(answer.json["data"]["id"].string == "b1")
        #expect(answer.json["data"]["n"].int == 3)
        #expect(answer.json["data"]["list"][2].double == 1.5)
        #expect(answer.json["data"]["absent"][7]["deep"].isNull)
        await server.close()
    }

    @Test func requestCarriesMethodPathHeadersAndBody() async throws {
        let server = try await ScriptedServer { .json(200, "\"\($0.replacing("\r\n", with: "|").replacing("\"", with: "'"))\"") }
        let probe = HTTPProbe(port: server.port).bearer("t0ken")
        let answer = try await probe.post("/p?q=1", json: "{\"a\":1}", headers: [("Idempotency-Key", "k")])
        let seen = try #require(answer.json.string)
        #expect(seen.hasPrefix("POST /p?q=1 HTTP/1.1|Host: 127.0.0.1:\(server.port)|"))
        for part in ["|Authorization: Bearer t0ken|", "|Idempotency-Key: k|", "|Content-Type: application/json|", "|Content-Length: 7||{'a':1}"] {
            #expect(seen.contains(part), "\(part)")
        }
        await server.close()
    }

    @Test func chunkedBodyInAnyPiecesIsPutTogether() async throws {
        let whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: 1\r\n\r\n"
        let server = try await ScriptedServer { _ in .init(pieces: whole.map { String($0) }) }
        #expect(try await HTTPProbe(port: server.port).get("/").text == "hello, world")
        await server.close()
    }

    @Test func bodyWithoutLengthEndsWithTheConnection() async throws {
        let server = try await ScriptedServer { _ in .init(pieces: ["HTTP/1.0 200 OK\r\n\r\nto the ", "end"], closes: true) }
        #expect(try await HTTPProbe(port: server.port).get("/").text == "to the end")
        await server.close()
    }

    @Test func interimAnswerIsSkippedAndNotModifiedHasNoBody() async throws {
        let server = try await ScriptedServer { _ in
            .init(pieces: ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: \"3\"\r\n\r\n"])
        }
        let answer = try await HTTPProbe(port: server.port).get("/")
        #expect(answer.status == 304)
        #expect(answer.header("etag") == "\"3\"")
        #expect(answer.body.isEmpty)
        await server.close()
    }

    @Test func silenceIsATimeout() async throws {
        let server = try await ScriptedServer { _ in nil }
        let error = await #expect(throws: LocalStackError.self) { try await HTTPProbe(port: server.port).get("/", timeout: .milliseconds(50)) }
        #expect(error?.code == .timeout)
        await server.close()
    }

    @Test func closedConnectionAndNobodyThereAreNoAnswer() async throws {
        let server = try await ScriptedServer { _ in .init(pieces: [], closes: true) }
        var error = await #expect(throws: LocalStackError.self) { try await HTTPProbe(port: server.port).get("/") }
        #expect(error?.code == .noAnswer)
        await server.close()
        error = await #expect(throws: LocalStackError.self) { try await HTTPProbe(port: try Ports.free(besides: [])).get("/") }
        #expect(error?.code == .noAnswer)
    }

    @Test func cutBodyIsNoAnswer() async throws {
        let server = try await ScriptedServer { _ in .init(pieces: ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], closes: true) }
        let error = await #expect(throws: LocalStackError.self) { try await HTTPProbe(port: server.port).get("/") }
        #expect(error?.code == .noAnswer)
        await server.close()
    }

    @Test func rawBytesAreSentAsTheyAreInPieces() async throws {
        let server = try await ScriptedServer { request in .json(request == "BROKEN  x\r\n\r\n" ? 400 : 500, "{}") }
        let answer = try await HTTPProbe(port: server.port).raw([Array("BROK".utf8), Array("EN  x\r\n\r\n".utf8)], pause: .milliseconds(20))
        #expect(answer.status == 400)
        await server.close()
    }

    @Test func hundredsOfCallsRunAtOnce() async throws {
        let server = try await ScriptedServer { _ in .json(200, "1") }
        let probe = HTTPProbe(port: server.port)
        let good = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<500 { group.addTask { (try? await probe.get("/"))?.status == 200 } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(good == 500)
        await server.close()
    }

    @Test func streamIsReadEventByEvent() async throws {
        let events = "retry: 5\n: comment\n\nid: 1\nevent: booking\ndata: {\"a\":1}\n\ndata: x\r\ndata: y\r\n\r\n"
        let server = try await ScriptedServer { _ in
            .init(pieces: ["HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events.prefix(40), String(events.dropFirst(40))])
        }
        let stream = try await HTTPProbe(port: server.port).stream("/stream")
        #expect(stream.head.header("content-type") == "text/event-stream")
        var seen: [ServerSentEvent] = []
        for try await event in stream.events {
            seen.append(event)
            if seen.count == 2 { break }
        }
        #expect(seen[0].id == "1" && seen[0].event == "booking" && seen[0].data == "{\"a\":1}")
        #expect(seen[1].id == "1" && seen[1].event == nil && seen[1].data == "x\ny")
        stream.close()
        await server.close()
    }
}
