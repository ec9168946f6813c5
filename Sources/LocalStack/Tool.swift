/// A program that runs to its end, such as initdb.
enum Tool {
    /// - Returns: how it ended.
    /// - Throws: ``LocalStackError`` when it does not end within `limit`; it is killed then.
    @discardableResult
    static func run(_ launch: ProcessLaunch, name: String, limit: Duration) async throws -> ExitStatus {
        let child = try await ChildProcess.start(launch, name: name, onExit: { _ in })
        if let status = await child.waitForExit(limit: limit) {
            child.join()
            return status
        }
        child.send(9, toGroup: true)
        _ = await child.waitForExit(limit: .seconds(5))
        child.join()
        throw LocalStackError(.timeout, operation: name, message: "not done after \(limit)")
    }

    /// As ``run(_:name:limit:)``, and anything but exit code 0 is an error with the tail of what it wrote.
    static func require(_ launch: ProcessLaunch, name: String, limit: Duration) async throws {
        let log = LogFile(path: launch.logPath)
        let status = try await run(launch, name: name, limit: limit)
        guard status == .code(0) else { throw LocalStackError(.childDied, operation: name, message: "\(status)\n\(log.tail)") }
    }
}
