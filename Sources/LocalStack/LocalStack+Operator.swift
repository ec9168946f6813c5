import Foundation

extension LocalStack {
    /// What an operator's tools need to find this installation: the stores, the secrets, and `URL` of the first ingress.
    public nonisolated var operatorEnvironment: [String: String] {
        var environment = [
            "URL": endpoints.baseURL,
            "REDIS_URL": endpoints.redisURL,
            "DATABASE_URL": endpoints.databaseURL,
            "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafkaBootstrapServers,
            "JWT_SECRET": endpoints.jwtSecret,
            "AUDIT_KEY": endpoints.auditKey,
            "PII_KEY": endpoints.piiKey,
            "PAYMENT_GATEWAY_URL": endpoints.paymentGatewayURL,
            "PAYMENT_GATEWAY_KEY": endpoints.paymentGatewayKey,
            "INSTALLATION": configuration.directory,
        ]
        if let mailFolder { environment["MAILS"] = mailFolder }
        return environment
    }

    /// Writes ``operatorEnvironment`` to `env` in the installation's folder, for a shell to read; only its owner can.
    /// - Returns: the file's path.
    @discardableResult
    public nonisolated func writeOperatorEnvironment() throws -> String {
        let path = "\(configuration.directory)/env"
        let lines = operatorEnvironment.sorted { $0.key < $1.key }.map { name, value in
            "export \(name)='\(value.replacingOccurrences(of: "'", with: #"'\''"#))'\n"
        }
        // Never readable by others, not even for the moment of its making.
        unlink(path)
        guard FileManager.default.createFile(atPath: path, contents: Data(lines.joined().utf8), attributes: [.posixPermissions: 0o600]) else {
            throw LocalStackError(.system, operation: "write \(path)", message: "it cannot be made")
        }
        return path
    }

    /// Runs a program to its end beside the installation; it dies with this process.
    /// - Parameter log: the name of its log in the installation's `logs`, without `.log`.
    /// - Throws: ``LocalStackError``: `.timeout` when it does not end within `limit`; it is killed then.
    public nonisolated func run(
        _ program: String, _ arguments: [String], environment: [String: String], log: String, limit: Duration
    ) async throws -> ExitStatus {
        let launch = ProcessLaunch(program: program, arguments: arguments, environment: environment, logPath: folder.logPath(log))
        return try await Tool.run(launch, name: log, limit: limit)
    }
}
