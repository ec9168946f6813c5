import CurlClient
import Foundation
import HTTPTestSupport
import Synchronization

/// A real mail server for one test: aiosmtpd in a process of its own, which does with a mail what the recipient's name asks for.
///
/// `bad…` 550, `spam…` 554 after the content, `policy…` 554 5.7.1, `later-N…` 451 the first N times, `drop-N…` takes the mail and hangs up without a word
/// the first N times, `slow…` thinks for a minute; everybody else gets their mail.
final class PostOffice: Sendable {
    /// How the server is to be.
    struct Manner {
        /// `none`, `starttls` or `implicit`.
        var security = "none"
        /// `user:password`; nil asks nobody.
        var login: String?
        /// What it greets with.
        var greeting = 220
    }

    let port: Int
    let folder: URL
    private let process: Process

    init(_ manner: Manner = Manner(), port: Int = 0) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("post-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let script = folder.appendingPathComponent("server.py")
        try Self.program.write(to: script, atomically: true, encoding: .utf8)
        if manner.security != "none" { try Self.makeCertificate(folder) }
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [script.path, folder.path, String(port), manner.security, manner.login ?? "", String(manner.greeting)]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let place = folder.appendingPathComponent("port")
        try await eventually("the mail server listens") { FileManager.default.fileExists(atPath: place.path) }
        guard let text = try? String(contentsOf: place, encoding: .utf8), let port = Int(text) else {
            throw PostError("the mail server did not start")
        }
        self.port = port
    }

    deinit {
        close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Ends the server, as a crash would.
    func close() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// The certificate that its own is checked against.
    var authority: String { folder.appendingPathComponent("cert.pem").path }

    func server(security: SMTPServer.Security = .none, login: (String, String)? = nil) throws -> SMTPServer {
        try SMTPServer(
            url: "\(security == .implicit ? "smtps" : "smtp")://localhost:\(port)", security: security,
            credentials: login.map { SMTPServer.Credentials(user: $0.0, password: $0.1) }, name: "test.example")
    }

    /// The mails that it took, in the order in which they came, as files.
    var files: [URL] {
        let all = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return all.filter { $0.pathExtension == "eml" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    /// The same, read by Python's parser.
    func mails() throws -> [Mail] { try files.map(Mail.read) }

    /// What was said to it, a line each: verbs and recipients.
    var talk: [String] {
        let text = (try? String(contentsOf: folder.appendingPathComponent("talk"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    private static func makeCertificate(_ folder: URL) throws {
        let tool = Process()
        tool.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        tool.arguments = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", folder.appendingPathComponent("key.pem").path, "-out", folder.appendingPathComponent("cert.pem").path,
        ]
        tool.standardError = FileHandle.nullDevice
        try tool.run()
        tool.waitUntilExit()
        guard tool.terminationStatus == 0 else { throw PostError("no certificate") }
    }

    private static let program = #"""
        import asyncio, os, ssl, sys, time
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

        folder, port, security, login, greeting = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
        tries = {}
        count = 0

        def talk(line):
            with open(os.path.join(folder, "talk"), "a") as file:
                file.write(line + "\n")

        def often(address, kind):
            """Whether an address like later-2@… still wants its answer."""
            name = address.split("@")[0]
            if not name.startswith(kind + "-"):
                return False
            tries[address] = tries.get(address, 0) + 1
            return tries[address] <= int(name.split("-")[1])

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                talk("RCPT " + address)
                if address.startswith("bad"):
                    return "550 5.1.1 <" + address + "> there is nobody of that name"
                if address.startswith("policy"):
                    return "554 5.7.1 <" + address + ">: Relay access denied"
                if often(address, "later"):
                    return "451 4.7.1 Greylisted, come again later"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                global count
                address = envelope.rcpt_tos[0]
                talk("DATA " + address + (" tls" if session.ssl else "") + (" login" if session.authenticated else ""))
                if address.startswith("spam"):
                    return "554 5.6.0 we do not like it"
                if address.startswith("slow"):
                    await asyncio.sleep(60)
                count += 1
                path = os.path.join(folder, "%05d-%s.eml" % (count, address))
                with open(path + ".part", "wb") as file:
                    file.write(envelope.original_content)
                os.rename(path + ".part", path)
                if often(address, "drop"):
                    server.transport.abort()
                    await asyncio.sleep(60)
                return "250 OK"

        class Server(SMTP):
            async def push(self, status):
                if greeting != 220 and isinstance(status, str) and status.startswith("220"):
                    status = str(greeting) + " not now"
                if isinstance(status, bytes) and greeting != 220 and status.startswith(b"220"):
                    status = (str(greeting) + " not now").encode()
                await super().push(status)

        def authenticate(server, session, envelope, mechanism, data):
            user, password = login.split(":")
            isRight = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
            return AuthResult(success=isRight, handled=True) if isRight else AuthResult(success=False, handled=False)

        async def main():
            tls = None
            if security != "none":
                tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                tls.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
            def make():
                return Server(
                    Handler(), hostname="localhost", enable_SMTPUTF8=True, require_starttls=security == "starttls",
                    tls_context=tls if security == "starttls" else None, auth_require_tls=security != "implicit" and bool(login) and security != "none",
                    auth_required=bool(login), authenticator=authenticate if login else None)
            server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port, ssl=tls if security == "implicit" else None)
            with open(os.path.join(folder, "port.part"), "w") as file:
                file.write(str(server.sockets[0].getsockname()[1]))
            os.rename(os.path.join(folder, "port.part"), os.path.join(folder, "port"))
            parent = os.getppid()
            while os.getppid() == parent:
                await asyncio.sleep(0.5)

        asyncio.run(main())
        """#
}

struct PostError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
