import Glibc

/// How to start one program: everything that `posix_spawn` needs.
struct ProcessLaunch: Sendable {
    /// Of util-linux, which is on every Debian; makes a child die with the thread that started it, and drops privileges.
    static let setpriv = "/usr/bin/setpriv"

    var program: String
    var arguments: [String]
    var environment: [String: String]
    var logPath: String
    /// Runs as this user; nil keeps the current one.
    var user: String?
    var precedence = Precedence.normal

    /// Starts it in a process group of its own (so that Ctrl-C reaches only the supervisor), with its log as output.
    /// Files are not inherited because all that this process opens is closed on exec.
    ///
    /// The kernel sends the death signal when the *thread* that spawned ends, so call this on a thread that outlives the child.
    func spawn() throws(LocalStackError) -> pid_t {
        var command = [Self.setpriv, "--pdeathsig", "KILL"]
        if let user { command += ["--reuid=\(user)", "--regid=\(user)", "--init-groups"] }
        command += ["--", program] + arguments

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var pid: pid_t = 0
        let status = Self.withCStrings(command) { arguments in
            Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
                posix_spawn(&pid, Self.setpriv, &actions, &attributes, arguments, variables)
            }
        }
        guard status == 0 else {
            throw LocalStackError(.system, operation: "start \(program)", message: String(cString: strerror(status)))
        }
        // Threads and children to come inherit it. Standing back is a favour: where the system refuses, it is not done.
        precedence.apply(to: pid)
        return pid
    }

    private static func withCStrings<T>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T) -> T {
        let pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}

/// How far a process stands back when the processors are busy.
enum Precedence: Sendable {
    case normal
    /// Gets a smaller share (setpriority(2)), 1 to 19. It is not put aside at once when a process that gets more wakes.
    case nice(Int32)
    /// Runs when nobody else wants to, and is put aside at once (SCHED_IDLE of sched(7)).
    case idle

    /// SCHED_IDLE, which glibc's header keeps from Swift.
    private static let schedIdle: Int32 = 5

    func apply(to pid: pid_t) {
        switch self {
        case .normal: break
        case .nice(let value): _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), value)
        case .idle:
            var parameters = sched_param(sched_priority: 0)
            _ = sched_setscheduler(pid, Self.schedIdle, &parameters)
        }
    }
}
