import Foundation
import Glibc

/// A private PostgreSQL 15 cluster: on 127.0.0.1 only, with a password, never run by root.
enum PostgresServer {
    static let binaries = "/usr/lib/postgresql/15/bin"
    static let user = "rush"
    static let database = "booking_rush"
    /// Written once the cluster is whole, so that an initdb that was cut short is done again.
    private static let marker = "rush-initialised"
    private static let account = "postgres"

    /// Who the server runs as: PostgreSQL refuses root, so root hands over to Debian's `postgres`.
    static var runAs: String? { geteuid() == 0 ? account : nil }

    static func launch(directory: String, port: Int, log: String) -> ProcessLaunch {
        let settings = [
            "port=\(port)", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100",
            // For two cores that are shared with everything else.
            "shared_buffers=256MB", "work_mem=8MB", "maintenance_work_mem=64MB", "effective_cache_size=1GB", "jit=off",
            "max_parallel_workers_per_gather=0",
            "synchronous_commit=on", "wal_compression=lz4", "max_wal_size=2GB", "min_wal_size=256MB", "checkpoint_timeout=15min",
            "checkpoint_completion_target=0.9", "log_checkpoints=off", "log_timezone=UTC", "timezone=UTC",
        ]
        return ProcessLaunch(
            program: "\(binaries)/postgres", arguments: ["-D", directory] + settings.flatMap { ["-c", $0] },
            environment: toolEnvironment, logPath: log, user: runAs)
    }

    static let toolEnvironment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]

    // MARK: Where the cluster is

    /// The cluster's directory, which PostgreSQL's user can reach.
    ///
    /// Where a parent is closed to it (an installation under /root), the cluster is kept under /var/lib/booking-rush, and the folder holds a link.
    static func prepareDirectory(folder: InstallationFolder) async throws -> String {
        let link = folder.data("postgres")
        guard runAs != nil else {
            try InstallationFolder.makeDirectory(link)
            return link
        }
        guard let owner = getpwnam(account) else {
            throw LocalStackError(
                .missingTool, operation: "start postgres", message: "there is no user '\(account)'; install the package postgresql-15")
        }
        let existing = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        let isReachable = try await canReach(folder.data(""), log: folder.logPath("postgres-setup"))
        if existing == nil, isReachable {
            try own(link, owner.pointee)
            return link
        }
        let outside = outsideDirectory(folder: folder.path)
        do {
            if existing == nil {
                // A folder that was removed by hand and made anew must not meet the old cluster.
                if FileManager.default.fileExists(atPath: outside) { try FileManager.default.removeItem(atPath: outside) }
                if FileManager.default.fileExists(atPath: link) { try FileManager.default.removeItem(atPath: link) }
                try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: outside)
            }
        } catch {
            throw LocalStackError(.system, operation: "place the PostgreSQL cluster", message: "\(error.localizedDescription)", underlying: error)
        }
        try own(outside, owner.pointee)
        return outside
    }

    /// Removes the cluster of an installation that lies outside its folder.
    static func eraseOutsideData(folder: String) throws {
        let outside = outsideDirectory(folder: folder)
        if FileManager.default.fileExists(atPath: outside) { try FileManager.default.removeItem(atPath: outside) }
    }

    private static func outsideDirectory(folder: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
        for byte in folder.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return "/var/lib/booking-rush/\(String(hash, radix: 16))"
    }

    private static func canReach(_ path: String, log: String) async throws -> Bool {
        let test = ProcessLaunch(
            program: "/usr/bin/test", arguments: ["-x", path], environment: toolEnvironment, logPath: log, user: runAs)
        return try await Tool.run(test, name: "test", limit: .seconds(10)) == .code(0)
    }

    private static func own(_ path: String, _ owner: passwd) throws(LocalStackError) {
        try InstallationFolder.makeDirectory(path)
        guard chown(path, owner.pw_uid, owner.pw_gid) == 0 else {
            throw LocalStackError(.system, operation: "give \(path) to \(account)", message: String(cString: strerror(errno)))
        }
    }

    // MARK: Making it, and taking it up again

    /// Runs initdb unless the cluster is there.
    static func initialise(directory: String, password: String, log: String) async throws {
        guard !FileManager.default.fileExists(atPath: "\(directory)/\(marker)") else { return removeStalePidFile(directory) }
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
            try FileManager.default.removeItem(atPath: "\(directory)/\(entry)")
        }
        let passwordFile = directory + ".password"
        defer { unlink(passwordFile) }
        guard FileManager.default.createFile(atPath: passwordFile, contents: Data(password.utf8), attributes: [.posixPermissions: 0o600]) else {
            throw LocalStackError(.system, operation: "initdb", message: "cannot write \(passwordFile)")
        }
        if runAs != nil, let owner = getpwnam(account) { chown(passwordFile, owner.pointee.pw_uid, owner.pointee.pw_gid) }
        let initdb = ProcessLaunch(
            program: "\(binaries)/initdb",
            arguments: [
                "-D", directory, "-U", user, "--pwfile", passwordFile, "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8",
                "--no-instructions",
            ], environment: toolEnvironment, logPath: log, user: runAs)
        try await Tool.require(initdb, name: "initdb", limit: .seconds(120))
    }

    /// Creates the database on the running server, once, and marks the cluster as whole.
    static func createDatabase(directory: String, port: Int, password: String, log: String) async throws {
        let file = "\(directory)/\(marker)"
        guard !FileManager.default.fileExists(atPath: file) else { return }
        var environment = toolEnvironment
        environment["PGPASSWORD"] = password
        let createdb = ProcessLaunch(
            program: "\(binaries)/createdb", arguments: ["-h", "127.0.0.1", "-p", "\(port)", "-U", user, database], environment: environment,
            logPath: log)
        try await Tool.require(createdb, name: "createdb", limit: .seconds(60))
        guard FileManager.default.createFile(atPath: file, contents: Data()) else {
            throw LocalStackError(.system, operation: "createdb", message: "cannot write \(file)")
        }
    }

    /// After kill -9 the old postmaster.pid may name a process id that somebody else of the same user has now, on which PostgreSQL
    /// refuses to start; the folder's lock says that no server of ours runs.
    static func removeStalePidFile(_ directory: String) {
        let file = "\(directory)/postmaster.pid"
        guard let text = try? String(contentsOfFile: file, encoding: .utf8), let pid = text.split(separator: "\n").first.flatMap({ pid_t($0) })
        else { return }
        let command = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
        if !command.contains(directory) { unlink(file) }
    }
}
