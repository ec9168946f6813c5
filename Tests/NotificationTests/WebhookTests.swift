import Crypto
import CurlClient
import Domain
import Foundation
import HTTPTestSupport
import Synchronization
import Testing
import WorkerRuntime

@testable import NotificationWorker

/// SMS and push messages, handed on by webhook.
@Suite(.serialized) struct WebhookTests {
    private static func settings(_ server: ScriptedServer, allowsPrivate: Bool = true) -> [String: String] {
        [
            "SMS_WEBHOOK_URL": "\(server.url)/sms", "NOTIFICATION_WEBHOOK_SECRET": BoxOffice.webhookSecret,
            "WEBHOOK_ALLOW_PRIVATE": "\(allowsPrivate)",
        ]
    }

    @Test func whatCannotWaitIsAlsoToldByTelephoneAndPush() async throws {
        let server = try ScriptedServer { _, _ in [.answer(204, "")] }
        try await BoxOffice.with(Self.settings(server)) { office in
            let ann = try await office.person("ann@example.com", locale: "th", phone: "+66812345678", push: "\(server.url)/push/ann")
            let bob = try await office.person("bob@example.com")
            #expect(try await office.handle(office.turn(of: ann)) == "done")
            #expect(try await office.handle(office.turn(of: bob)) == "done")
            #expect(
                try await office.rows() == ["queue_turn sent - 1", "queue_turn sent - 1", "queue_turn.push sent - 1", "queue_turn.sms sent - 1"])
            #expect(server.requests.map(\.target).sorted() == ["/push/ann", "/sms"])
            for request in server.requests {
                let json = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: String])
                #expect(json["text"]?.contains("ถึงคิวของคุณ") == true && json["locale"] == "th" && json["entity_type"] == "queue_entry")
                #expect(request.target == "/sms" ? json["to"] == "+66812345678" : json["title"] != nil && json["to"] == nil)
                // Standard Webhooks: v1, base 64 of HMAC-SHA256 over id.timestamp.body.
                let (id, time) = (try #require(request.headers["webhook-id"]), try #require(request.headers["webhook-timestamp"]))
                let signed = Data("\(id).\(time).".utf8) + Data(request.body)
                let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: Data(BoxOffice.webhookSecret.utf8)))
                #expect(request.headers["webhook-signature"] == "v1,\(Data(code).base64EncodedString())")
                #expect(json["id"] == id)
            }
        }
    }

    @Test func aPrivateEndpointIsRefusedAndTheMailGoesAllTheSame() async throws {
        let server = try ScriptedServer { _, _ in [.answer(204, "")] }
        try await BoxOffice.with(Self.settings(server, allowsPrivate: false)) { office in
            let ann = try await office.person("ann@example.com", push: "https://127.0.0.1:\(server.port)/push")
            let bob = try await office.person("bob@example.com", push: "http://127.0.0.1:\(server.port)/push")
            #expect(try await office.handle(office.turn(of: ann)) == "done")
            #expect(try await office.handle(office.turn(of: bob)) == "done")
            #expect(
                try await office.rows().sorted() == [
                    "queue_turn sent - 1", "queue_turn sent - 1", "queue_turn.push failed bad_address 1",
                    "queue_turn.push failed forbidden_address 1",
                ])
        }
        #expect(server.connectionCount == 0)
    }

    @Test func anEndpointInTroubleIsTriedAgainWithoutASecondMail() async throws {
        let server = try ScriptedServer { _, number in [.answer(number == 1 ? 503 : 200)] }
        try await BoxOffice.with(Self.settings(server)) { office in
            let record = office.turn(of: try await office.person("ann@example.com", push: "\(server.url)/push"))
            #expect(try await office.handle(record) == "retry webhook_5xx")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.push sending - 1"])
            #expect(try await office.handle(record, attempt: 2) == "done")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.push sent - 2"])
            #expect(office.post.files.count == 1)
            #expect(Set(server.requests.map { $0.headers["webhook-id"] }).count == 1)
        }
    }

    @Test(arguments: ["http://127.0.0.1:1/push", "http://nowhere.invalid/push", "https://127.0.0.1:PORT/push"])
    func aPushEndpointThatCannotBeReachedStopsNobodyAndFailsInTheEnd(endpoint: String) async throws {
        let server = try ScriptedServer { _, _ in [.answer(204, "")] }
        try await BoxOffice.with(Self.settings(server)) { office in
            let push = endpoint.replacingOccurrences(of: "PORT", with: "\(server.port)")
            let record = office.turn(of: try await office.person("ann@example.com", push: push))
            for attempt in 1...3 { #expect(try await office.handle(record, attempt: attempt) == "retry webhook_unreachable") }
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.push sending - 3"])
            #expect(try await office.handle(record, attempt: 4) == "done")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.push failed unreachable 4"])
            #expect(office.post.files.count == 1)
        }
    }

    @Test func ourOwnProviderBeingAwayIsAnOutage() async throws {
        let server = try ScriptedServer { _, _ in [.answer(204, "")] }
        let settings = Self.settings(server).merging(["SMS_WEBHOOK_URL": "http://127.0.0.1:1/sms"]) { $1 }
        try await BoxOffice.with(settings) { office in
            let ann = try await office.person("ann@example.com", phone: "+66812345678", push: "http://127.0.0.1:1/push")
            #expect(try await office.handle(office.turn(of: ann)) == "outage send_not_connected")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.push sending - 1", "queue_turn.sms sending - 1"])
        }
    }

    @Test func whatOneRecipientCannotTakeSaysNothingAboutOthers() {
        func mail(_ code: CurlError.Code, _ stage: SMTPReply.Stage, _ status: Int, _ enhanced: String? = nil) -> CurlError {
            CurlError(code: code, operation: "MAIL", message: "m", reply: SMTPReply(stage: stage, code: status, enhanced: enhanced))
        }
        let away = CurlError(code: .notConnected, operation: "POST", message: "m")
        for error in [
            mail(.later, .recipient, 452, "4.2.2"), mail(.later, .recipient, 451, "4.7.1"), WebhookRefusal(status: 503),
            UnreachableEndpoint(cause: away),
        ] as [any Error] {
            #expect(Failure(error).isIsolated && Failure(error).disposition == .retry, "\(error)")
        }
        // The server's silence, its whole policy, and what it says before the recipient are about more than one.
        for error in [
            mail(.timeout, .recipient, 0), mail(.later, .recipient, 554, "5.7.1"), mail(.later, .sender, 451), mail(.later, .content, 452), away,
        ] {
            #expect(!Failure(error).isIsolated, "\(error)")
        }
    }

    @Test(arguments: [401, 403, 404, 410])
    func whatOurOwnProviderRefusesUsIsNoNumbersFault(status: Int) async throws {
        let isRefused = Mutex(true)
        let server = try ScriptedServer { _, _ in [.answer(isRefused.withLock { $0 } ? status : 204, "")] }
        try await BoxOffice.with(Self.settings(server)) { office in
            let record = office.turn(of: try await office.person("ann@example.com", phone: "+66812345678"))
            // However often it is tried: in the end the message stands among the dead letters.
            for attempt in 1...5 { #expect(try await office.handle(record, attempt: attempt) == "retry webhook_4xx") }
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.sms sending - 5"])
            isRefused.withLock { $0 = false }
            #expect(try await office.handle(record) == "done")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.sms sent - 6"])
            #expect(office.post.files.count == 1)
            #expect(server.requests.count == 6 && Set(server.requests.map { $0.headers["webhook-id"] }).count == 1)
        }
    }

    @Test(arguments: [400, 422])
    func aNumberThatOurProviderRefusesIsAFailedNotification(status: Int) async throws {
        let server = try ScriptedServer { _, _ in [.answer(status)] }
        try await BoxOffice.with(Self.settings(server)) { office in
            let ann = try await office.person("ann@example.com", phone: "+66812345678")
            #expect(try await office.handle(office.turn(of: ann)) == "done")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.sms failed refused 1"])
        }
    }

    @Test(arguments: [(404, "bad_address"), (410, "bad_address"), (400, "refused"), (401, "refused"), (403, "refused")])
    func anEndpointThatIsGoneIsAFailedNotification(status: Int, reason: String) async throws {
        let server = try ScriptedServer { _, _ in [.answer(status)] }
        try await BoxOffice.with(Self.settings(server)) { office in
            let ann = try await office.person("ann@example.com", push: "\(server.url)/push")
            #expect(try await office.handle(office.turn(of: ann)) == "done")
            #expect(try await office.rows() == ["queue_turn sent - 1", "queue_turn.push failed \(reason) 1"])
        }
    }
}
