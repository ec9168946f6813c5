import Foundation

/// A mail server that delivers nothing: aiosmtpd (Debian's python3-aiosmtpd), which keeps each mail as a file in the installation's `mails`.
enum MailCatcher {
    static let python = "/usr/bin/python3"
    /// What Debian's package brings.
    static let module = "/usr/lib/python3/dist-packages/aiosmtpd/__init__.py"

    /// Writes the server's program into the data folder, and makes the folder for the mails.
    static func launch(folder: InstallationFolder, port: Int, log: String) throws(LocalStackError) -> ProcessLaunch {
        guard FileManager.default.fileExists(atPath: module) else {
            throw LocalStackError(.missingTool, operation: "start \(Component.mailCatcher)", message: "the package python3-aiosmtpd is not installed")
        }
        try InstallationFolder.makeDirectory(folder.mails)
        let file = folder.data("mail_catcher.py")
        do {
            try program.write(toFile: file, atomically: true, encoding: .utf8)
        } catch {
            throw LocalStackError(.system, operation: "write \(file)", message: "\(error.localizedDescription)", underlying: error)
        }
        return ProcessLaunch(
            program: python, arguments: [file, "\(port)", folder.mails],
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"], logPath: log)
    }

    private static let program = """
        # Written at each start by the local stack; changes are lost.
        import asyncio, datetime, os, re, signal, sys
        from aiosmtpd.smtp import SMTP

        port, folder = int(sys.argv[1]), sys.argv[2]


        class Catcher:
            count = 0

            async def handle_DATA(self, server, session, envelope):
                Catcher.count += 1
                moment = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%S.%f")[:-3]
                to = "+".join(re.sub(r"[^A-Za-z0-9@._-]", "_", address) for address in envelope.rcpt_tos)[:120]
                path = os.path.join(folder, f"{moment}-{Catcher.count:05d}-{to}.eml")
                # Under its name only once it is whole.
                with open(path + ".part", "wb") as file:
                    file.write(envelope.original_content)
                os.rename(path + ".part", path)
                return "250 OK: kept"


        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: SMTP(Catcher(), hostname="mail-catcher", enable_SMTPUTF8=True), "127.0.0.1", port)
            ended = asyncio.Event()
            for name in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(name, ended.set)
            async with server:
                await ended.wait()


        asyncio.run(main())

        """
}

extension InstallationFolder {
    /// Where the mail catcher keeps its mails.
    var mails: String { "\(path)/mails" }
}

extension LocalStack {
    /// Where the mails are that the mail catcher took, `*.eml`, named by time, number and recipient; nil when `SMTP_URL` names a server that exists.
    public nonisolated var mailFolder: String? { configuration.external.smtpURL == nil ? folder.mails : nil }

    /// Starts the mail catcher; nothing when `SMTP_URL` names a server.
    public func startMailCatcher() async throws {
        if configuration.external.smtpURL != nil { return }
        let (folder, port) = (folder, endpoints.smtpPort)
        try await start(
            Plan(
                component: .mailCatcher, ports: [port], launch: { log in try MailCatcher.launch(folder: folder, port: port, log: log) },
                isReady: { await ServiceCheck.smtp(host: "127.0.0.1", port: port) }))
    }
}
