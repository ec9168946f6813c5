import Foundation
import LocalStack
import TestSupport
import Testing

/// The mails of a whole installation, while what sends and takes them is killed. An installation of its own, as the worker is not among those of the others.
@Suite(.serialized, .timeLimit(.minutes(4))) struct MailTests {
    private static let worker = Component.worker("notification")

    /// A caught mail: what matters here, without taking it apart.
    private struct Caught {
        let recipient: String
        let messageID: String
        let subject: String

        init(_ file: URL) throws {
            let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
            func header(_ name: String) -> String {
                text.components(separatedBy: "\r\n").first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) } ?? ""
            }
            recipient = header("To")
            messageID = header("Message-ID")
            subject = header("Subject")
        }
    }

    private static func mails(_ installation: Installation) throws -> [Caught] {
        let folder = try #require(installation.stack.mailFolder)
        let files = try FileManager.default.contentsOfDirectory(at: URL(fileURLWithPath: folder), includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "eml" }.sorted { $0.lastPathComponent < $1.lastPathComponent }.map(Caught.init)
    }

    private static func buyer(_ installation: Installation, _ email: String) async throws -> Client {
        let token = try await installation.rushctl("token", "--email", email, "--age", "30", "--ttl", "3600")
        let user = try User(token: token.trimmingCharacters(in: .whitespacesAndNewlines))
        return Client(user: user, probe: try installation.stack.probe())
    }

    @Test func eachBuyerHasEachMailHoweverOftenTheWorkerDies() async throws {
        try await Installation.with(workers: Installation.workers + ["notification"]) { installation in
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            var buyers: [Client] = []
            for number in 0..<12 { buyers.append(try await Self.buyer(installation, "u\(number)@example.com")) }
            // The same address is the same user.
            #expect(try await Self.buyer(installation, " U0@Example.com").user.id == buyers[0].user.id)
            let everybody = buyers
            try await withThrowingTaskGroup(of: Void.self) { group in
                for buyer in everybody { group.addTask { _ = try await buyer.buy(zone) } }
                group.addTask {
                    for _ in 0..<3 {
                        try await Task.sleep(for: .milliseconds(300))
                        try await installation.stack.kill(Self.worker)
                        try await installation.stack.restart(Self.worker)
                    }
                }
                try await group.waitForAll()
            }
            let wanted = everybody.count * 3
            try await waitUntil("everybody has three mails", limit: .seconds(60)) {
                try await installation.psql("SELECT count(*) FROM notifications WHERE status = 'sent'").first?.first == "\(wanted)"
            }
            let mails = try Self.mails(installation)
            // A mail whose fate a kill hid may be there twice, and is then the same mail.
            let unique = Dictionary(mails.map { ($0.messageID, "\($0.recipient) \($0.subject)") }) { first, _ in first }
            #expect(unique.count == wanted && Set(unique.values).count == wanted, "\(unique.count) of \(wanted), \(mails.count) files")
            #expect(try await installation.psql("SELECT count(*) FROM notifications") == [["\(wanted)"]])

            let list = try await buyers[0].probe.get("/api/v1/notifications?per_page=2")
            #expect(list.status == 200 && list.json["meta"]["total"].int == 3 && list.json["data"].array?.count == 2, "\(list.text)")
            let types = (try await buyers[0].probe.get("/api/v1/notifications").json["data"].array ?? []).compactMap { $0["type"].string }
            #expect(Set(types) == ["reserved", "receipt", "confirmed"])
            let stranger = try await Self.buyer(installation, "stranger@example.com")
            #expect(try await stranger.probe.get("/api/v1/notifications").json["meta"]["total"].int == 0)
            #expect(try await installation.anonymous().get("/api/v1/notifications").status == 401)

            // Nobody takes mails for a while: they wait, and none is a dead letter.
            await installation.stack.stop(.mailCatcher)
            let held = try await stranger.hold(zone)
            try await waitUntil("the mail is tried", limit: .seconds(30)) {
                try await installation.psql("SELECT status FROM notifications WHERE entity_id = '\(held.id)'") == [["sending"]]
            }
            try await installation.stack.restart(.mailCatcher)
            try await waitUntil("the mail is there", limit: .seconds(60)) {
                try Self.mails(installation).contains { $0.recipient.contains("stranger@example.com") }
            }
            #expect(try await installation.psql("SELECT count(*) FROM dead_letters") == [["0"]])
        }
    }
}
