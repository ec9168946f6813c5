import Foundation

/// A private redis-server with the settings of ARCHITECTURE.md, "Redis".
enum RedisServer {
    static let program = "/usr/bin/redis-server"

    /// Writes `redis.conf` into the data folder, where an operator can read it.
    static func launch(folder: InstallationFolder, port: Int, maxMemory: String, log: String) throws(LocalStackError) -> ProcessLaunch {
        let data = folder.data("redis")
        try InstallationFolder.makeDirectory(data)
        let settings = """
            # Written at each start by the local stack; changes are lost.
            port \(port)
            bind 127.0.0.1
            protected-mode yes
            daemonize no
            dir "\(data)"
            maxclients 10000
            tcp-backlog 511
            # What was answered is on the disk; snapshots and early rewrites would fork under load.
            appendonly yes
            appendfsync always
            aof-load-truncated yes
            save ""
            auto-aof-rewrite-min-size 2gb
            # Full means refused, never dropped.
            maxmemory \(maxMemory)
            maxmemory-policy noeviction
            # A zone's idempotency and user hashes stay compact.
            hash-max-listpack-value 1024
            # Nobody reads these histograms, and every call of a script would be in them.
            latency-tracking no

            """
        let file = folder.data("redis.conf")
        do {
            try settings.write(toFile: file, atomically: true, encoding: .utf8)
        } catch {
            throw LocalStackError(.system, operation: "write \(file)", message: "\(error.localizedDescription)", underlying: error)
        }
        return ProcessLaunch(program: program, arguments: [file], environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], logPath: log)
    }
}
