import CCurl
import CurlClient
import Foundation
import HTTPTestSupport
import Testing

/// Mails through libcurl to a real server, right and wrong.
@Suite(.serialized) struct SMTPTests {
    private static func with<T>(
        _ manner: PostOffice.Manner = .init(), _ configuration: (PostOffice) -> CurlConfiguration = { _ in CurlConfiguration() },
        _ body: (PostOffice, CurlClient) async throws -> T
    ) async throws -> T {
        let post = try await PostOffice(manner)
        let client = CurlClient(configuration: configuration(post))
        try client.start()
        do {
            let result = try await body(post, client)
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private static func message(to recipient: String, _ body: String = "hello", timeout: Duration? = nil) -> SMTPMessage {
        SMTPMessage(
            sender: "tickets@rush.example", recipient: recipient,
            content: Array("Subject: test\r\nMessage-ID: <1@rush.example>\r\n\r\n\(body)\r\n".utf8), timeout: timeout)
    }

    private static func failure(_ recipient: String, timeout: Duration? = nil, _ post: PostOffice, _ client: CurlClient) async throws -> CurlError {
        do {
            try await client.send(message(to: recipient, timeout: timeout), to: try post.server())
        } catch let error as CurlError {
            return error
        }
        throw PostError("the mail was taken")
    }

    @Test func aMailArrivesAsItIsAlsoWithLinesOfDots() async throws {
        try await Self.with { post, client in
            let body = ".\r\n..\r\n.dots\r\n\r\n" + String(repeating: ".\(String(repeating: "x", count: 70))\r\n", count: 2_000) + "last"
            try await client.send(Self.message(to: "ann@example.com", body), to: try post.server())
            let file = try #require(post.files.first)
            let bytes = try Data(contentsOf: file)
            #expect(bytes == Data("Subject: test\r\nMessage-ID: <1@rush.example>\r\n\r\n\(body)\r\n".utf8))
        }
    }

    @Test func whatTheServerRefusesIsTyped() async throws {
        try await Self.with { post, client in
            let bad = try await Self.failure("bad@example.com", post, client)
            #expect(bad.code == .refused && bad.reply == SMTPReply(stage: .recipient, code: 550, enhanced: "5.1.1") && !bad.mayHaveBeenSent, "\(bad)")
            #expect(!"\(bad)".contains("@"), "\(bad)")
            let later = try await Self.failure("later-1@example.com", post, client)
            #expect(later.code == .later && later.reply?.code == 451 && later.disposition == .retry, "\(later)")
            let spam = try await Self.failure("spam@example.com", post, client)
            #expect(spam.code == .refused && spam.reply == SMTPReply(stage: .content, code: 554, enhanced: "5.6.0") && !spam.mayHaveBeenSent)
            let policy = try await Self.failure("policy@example.com", post, client)
            #expect(policy.code == .later && policy.reply?.isPolicy == true)
            // And the connection, or the next, still works.
            try await client.send(Self.message(to: "ann@example.com"), to: try post.server())
        }
    }

    @Test func aLostAnswerMayHaveBeenAMailThatWasTaken() async throws {
        try await Self.with { post, client in
            let dropped = try await Self.failure("drop-1@example.com", post, client)
            #expect(dropped.code == .connectionLost && dropped.mayHaveBeenSent && dropped.disposition == .retry)
            #expect(post.files.count == 1)
            let slow = try await Self.failure("slow@example.com", timeout: .milliseconds(700), post, client)
            #expect(slow.code == .timeout && slow.mayHaveBeenSent)
        }
    }

    @Test func aServerThatIsAwayOrGreetsNobodyIsAnOutage() async throws {
        try await Self.with { post, client in
            post.close()
            let away = try await Self.failure("ann@example.com", post, client)
            #expect(away.code == .notConnected && away.disposition == .outage && !away.mayHaveBeenSent)
        }
        for greeting in [421, 554] {
            try await Self.with(.init(greeting: greeting)) { post, client in
                let busy = try await Self.failure("ann@example.com", post, client)
                #expect(busy.code == .unavailable && busy.disposition == .outage, "\(busy)")
            }
        }
    }

    @Test(arguments: ["starttls", "implicit"])
    func mailsGoEncryptedAndWithALogin(security: String) async throws {
        try await Self.with(.init(security: security, login: "rush:secret"), { CurlConfiguration(authorities: $0.authority) }) { post, client in
            let kind: SMTPServer.Security = security == "implicit" ? .implicit : .startTLS
            try await client.send(Self.message(to: "ann@example.com"), to: try post.server(security: kind, login: ("rush", "secret")))
            #expect(post.talk.last == "DATA ann@example.com\(security == "starttls" ? " tls" : "") login")
            do {
                try await client.send(Self.message(to: "ann@example.com"), to: try post.server(security: kind, login: ("rush", "wrong")))
                Issue.record("a wrong password was taken")
            } catch {
                #expect((error as? CurlError)?.code == .unauthorized, "\(error)")
            }
        }
    }

    @Test func nothingIsSentInClearWhereEncryptionIsAsked() async throws {
        try await Self.with { post, client in
            do {
                try await client.send(Self.message(to: "ann@example.com"), to: try post.server(security: .startTLS))
                Issue.record("it was sent in clear")
            } catch {
                #expect((error as? CurlError)?.code == .tls, "\(error)")
            }
            #expect(post.talk.isEmpty)
        }
        // A certificate that nobody vouches for.
        try await Self.with(.init(security: "starttls")) { post, client in
            do {
                try await client.send(Self.message(to: "ann@example.com"), to: try post.server(security: .startTLS))
                Issue.record("any certificate is good enough")
            } catch {
                #expect((error as? CurlError)?.code == .tls, "\(error)")
            }
        }
    }

    @Test func manyMailsShareAFewConnections() async throws {
        try await Self.with(.init(), { _ in CurlConfiguration(maxConnections: 4) }) { post, client in
            let server = try post.server()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 { group.addTask { try await client.send(Self.message(to: "u\(number)@example.com"), to: server) } }
                try await group.waitForAll()
            }
            #expect(post.files.count == 200)
            #expect(Set(post.files.map { $0.lastPathComponent.dropFirst(6) }).count == 200)
        }
    }

    @Test(arguments: [
        "a@b", "ann@example.com", "first.last+tag@sub.example.com",
    ])
    func anAddressIsTaken(address: String) { #expect(SMTPMessage.isAddress(address)) }

    @Test(arguments: [
        "", "ann", "@example.com", "ann@", "a nn@example.com", "ann@example.com\r\nRCPT TO:<eve@example.com>", "<ann@example.com>", "a@b@c",
        "ann@example.com>", "anné@example.com", "\"ann\"@example.com", "ann,eve@example.com",
    ])
    func whatIsNoAddressIsNotSent(address: String) async throws {
        #expect(!SMTPMessage.isAddress(address))
        let client = CurlClient()
        try client.start()
        await #expect(throws: CurlError.self) {
            try await client.send(Self.message(to: address), to: try SMTPServer(url: "smtp://127.0.0.1:1", security: .none))
        }
        await client.shutdown()
    }

    @Test(arguments: ["http://h", "smtp://", "smtp://u:p@h", "smtp://h/path/x", "smtp://h h"])
    func aWrongServerIsRefused(url: String) {
        #expect(throws: CurlError.self) { try SMTPServer(url: url) }
    }

    @Test(arguments: [
        ("127.0.0.1", false), ("10.1.2.3", false), ("172.16.0.1", false), ("172.32.0.1", true), ("192.168.1.1", false), ("169.254.169.254", false),
        ("100.64.0.1", false), ("0.0.0.0", false), ("224.0.0.1", false), ("255.255.255.255", false), ("8.8.8.8", true), ("::1", false), ("::", false),
        ("fe80::1", false), ("fd00::1", false), ("::ffff:127.0.0.1", false), ("::ffff:8.8.8.8", true), ("64:ff9b::a00:1", false),
        ("2002:7f00:1::", false), ("2001:db8::1", false), ("2606:4700::1111", true), ("ff02::1", false), ("198.18.0.1", false),
    ])
    func onlyPublicAddressesArePublic(address: String, isPublic: Bool) {
        #expect(ccurl_is_public_text(address) == (isPublic ? 1 : 0))
    }

    @Test(arguments: ["127.0.0.1", "localhost", "2130706433", "0x7f.1"])
    func aClientForTheOutsideDoesNotReachTheInside(host: String) async throws {
        let server = try ScriptedServer { _, _ in [.answer(200)] }
        let client = CurlClient(configuration: CurlConfiguration(onlyPublicAddresses: true))
        try client.start()
        do {
            _ = try await client.send(HTTPRequest(url: "http://\(host):\(server.port)/"))
            Issue.record("it was reached")
        } catch {
            #expect(error.code == .forbiddenAddress, "\(error)")
        }
        await client.shutdown()
        #expect(server.requests.isEmpty)
    }
}
