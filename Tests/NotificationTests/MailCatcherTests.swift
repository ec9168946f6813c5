import CurlClient
import Foundation
import LocalStack
import Testing

/// The mail server of a machine that sends none.
struct MailCatcherTests {
    @Test func whatIsSentIsAFileNamedAfterItsRecipient() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("catcher-\(UUID().uuidString)").path
        let stack = try LocalStack(LocalStackConfiguration(directory: directory, binaries: "/nonexistent"))
        let client = CurlClient()
        try client.start()
        do {
            try await stack.startMailCatcher()
            let server = try SMTPServer(url: stack.endpoints.smtpURL, security: .none)
            let content = "Subject: x\r\n\r\n.dots\r\n"
            for name in ["ann@example.com", "o'neil/../x@example.com"] {
                try await client.send(SMTPMessage(sender: "a@b.example", recipient: name, content: Array(content.utf8)), to: server)
            }
            let folder = URL(fileURLWithPath: try #require(stack.mailFolder))
            let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .sorted { $0.lastPathComponent < $1.lastPathComponent }
            #expect(files.map { $0.lastPathComponent.dropFirst(20) } == ["00001-ann@example.com.eml", "00002-o_neil_.._x@example.com.eml"])
            for file in files { #expect(try String(contentsOf: file, encoding: .utf8) == content) }
        } catch {
            await client.shutdown()
            await stack.stop()
            throw error
        }
        await client.shutdown()
        await stack.stop()
        try await stack.erase()
    }
}
