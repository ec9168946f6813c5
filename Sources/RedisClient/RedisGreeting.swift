/// What is said on each new connection before callers may use it: AUTH, SELECT, a name, PING, INFO and the scripts.
///
/// A stopped Redis still accepts connections (the kernel does), and a loading one refuses nearly everything; only a good PING says that it serves.
struct RedisGreeting {
    /// The commands as they go over the wire.
    private(set) var bytes: [UInt8] = []
    private var steps: [Step] = []

    private enum Step {
        case required(String)
        /// Useful, but a refusal (an ACL, for instance) does not keep callers away.
        case optional
        case serverInfo
    }

    /// Replies to expect.
    var count: Int { steps.count }

    /// Encodes the commands.
    init(configuration: RedisConfiguration, scripts: [RedisScript]) {
        if let password = configuration.password {
            var auth = RedisCommand("AUTH")
            if let username = configuration.username { auth.append(username) }
            auth.append(password)
            add(auth, .required("AUTH"))
        }
        if configuration.database != 0 { add(RedisCommand("SELECT", String(configuration.database)), .required("SELECT")) }
        add(RedisCommand("CLIENT", "SETNAME", configuration.clientName), .optional)
        add(RedisCommand("PING"), .required("PING"))
        add(RedisCommand("INFO", "server"), .serverInfo)
        for script in scripts { add(script.load, .optional) }
    }

    private mutating func add(_ command: RedisCommand, _ step: Step) {
        bytes.append(command)
        steps.append(step)
    }

    /// The server's run id.
    func check(_ replies: [RedisReply]) throws(RedisFailure) -> String {
        var runID: String?
        for (step, reply) in zip(steps, replies) {
            switch step {
            case .required(let name):
                if let refusal = reply.errorMessage { throw RedisFailure(code: .notConnected, message: "\(name) was refused: \(refusal)") }
            case .optional: break
            case .serverInfo:
                if let refusal = reply.errorMessage { throw RedisFailure(code: .notConnected, message: "INFO was refused: \(refusal)") }
                runID = Self.runID(reply.text ?? "")
            }
        }
        guard let runID else { throw RedisFailure(code: .notConnected, message: "INFO names no run_id") }
        return runID
    }

    private static func runID(_ info: String) -> String? {
        let key = "run_id:"
        for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix(key) {
            return String(line.dropFirst(key.count))
        }
        return nil
    }
}
