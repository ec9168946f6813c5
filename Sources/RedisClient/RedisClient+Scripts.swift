extension RedisClient {
    /// Calls a script by its digest; when Redis does not know it, loads it and calls once more.
    /// - Throws: ``RedisError``; an error raised by the script is thrown with code `server`.
    public func evaluate(_ script: RedisScript, keys: [String], arguments: [RedisArgument]) async throws(RedisError) -> RedisReply {
        let command = script.command(keys: keys, arguments: arguments)
        do {
            return try await send(command)
        } catch {
            guard error.serverCode == "NOSCRIPT" else { throw error }
        }
        let replies = try await pipeline([script.load, command])
        _ = try replies[0].get(operation: "SCRIPT LOAD \(script.name)")
        return try replies[1].get(operation: script.name)
    }

    /// Calls a script without a task, for the hot path; when Redis does not know it, loads it and calls once more.
    /// - Parameters:
    ///   - command: made by ``RedisScript/command(keys:arguments:)``.
    ///   - then: called once, on the I/O thread or, when the call is refused at once, on the caller's. It must not block.
    public func evaluate(_ script: RedisScript, _ command: RedisCommand, then: @escaping @Sendable (Result<RedisReply, RedisError>) -> Void) {
        send(command) { result in
            guard case .failure(let error) = result, error.serverCode == "NOSCRIPT" else { return then(result) }
            Task {
                do throws(RedisError) {
                    let replies = try await self.pipeline([script.load, command])
                    _ = try replies[0].get(operation: "SCRIPT LOAD \(script.name)")
                    then(.success(try replies[1].get(operation: script.name)))
                } catch {
                    then(.failure(error))
                }
            }
        }
    }

    /// Calls a script many times in one write; replies come in the order of the calls, a script's error stays in the array as `.error`.
    ///
    /// The calls that met a missing script are made again after loading it, so a batch is run in order unless the scripts are flushed meanwhile.
    public func evaluate(_ script: RedisScript, calls: [RedisScriptCall]) async throws(RedisError) -> [RedisReply] {
        let commands = calls.map { script.command(keys: $0.keys, arguments: $0.arguments) }
        var replies = try await pipeline(commands)
        let missing = replies.indices.filter { replies[$0].errorMessage?.hasPrefix("NOSCRIPT") == true }
        guard !missing.isEmpty else { return replies }
        let again = try await pipeline([script.load] + missing.map { commands[$0] })
        _ = try again[0].get(operation: "SCRIPT LOAD \(script.name)")
        for (index, reply) in zip(missing, again.dropFirst()) { replies[index] = reply }
        return replies
    }
}
