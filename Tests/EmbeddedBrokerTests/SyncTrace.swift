import Foundation
import Testing

@testable import EmbeddedBroker

/// Notes every write, cut and sync of a broker process by a library that is loaded before libc, so that a test can take away what a power cut would have taken.
final class SyncTrace {
    /// Intercepts `pwrite`, `ftruncate` and `fdatasync`; each call is one line, written in one piece after it came through.
    private static let source = #"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        #include <sys/syscall.h>
        static int trace = -1;
        __attribute__((constructor)) static void start(void) { trace = open(getenv("SYNC_TRACE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644); }
        static void note(char what, int fd, long long at, long long count) {
            char link[64], path[4096], line[4400];
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            ssize_t length = readlink(link, path, sizeof path - 1);
            if (length < 0) return;
            path[length] = 0;
            int size = snprintf(line, sizeof line, "%c %lld %lld %s\n", what, at, count, path);
            if (write(trace, line, size) != size) abort();
        }
        ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
            note('w', fd, at, count);
            return syscall(SYS_pwrite64, fd, bytes, count, at);
        }
        ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { return pwrite(fd, bytes, count, at); }
        int fdatasync(int fd) {
            note('b', fd, 0, 0);
            int result = syscall(SYS_fdatasync, fd);
            if (result == 0) note('s', fd, 0, 0);
            return result;
        }
        """#

    private let scratch: Scratch
    private var tracePath: String { scratch.path + "/trace" }
    /// For the broker's process.
    let environment: [String: String]

    /// - Throws: where no C compiler is installed.
    init() throws {
        scratch = try Scratch()
        try Self.source.write(toFile: scratch.path + "/trace.c", atomically: true, encoding: .utf8)
        let library = scratch.path + "/trace.so"
        #expect(try BrokerProcess.run("/usr/bin/cc", ["-shared", "-fPIC", "-O1", "-o", library, scratch.path + "/trace.c", "-ldl"]).status == 0)
        environment = ["LD_PRELOAD": library, "SYNC_TRACE": scratch.path + "/trace"]
    }

    static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/cc") }

    /// The writes that no completed sync of their file covers, in order. A sync covers what was written before it began.
    private func unsynced() throws -> [String: [(position: UInt64, count: UInt64)]] {
        var open: [String: [(position: UInt64, count: UInt64)]] = [:]
        var covered: [String: Int] = [:]
        for line in try String(contentsOfFile: tracePath, encoding: .utf8).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 3).map(String.init)
            guard parts.count == 4, let position = UInt64(parts[1]), let count = UInt64(parts[2]) else { continue }
            switch parts[0] {
            case "w": open[parts[3], default: []].append((position, count))
            case "b": covered[parts[3]] = open[parts[3]]?.count ?? 0
            default:
                open[parts[3]] = Array(open[parts[3], default: []].dropFirst(covered[parts[3]] ?? 0))
                covered[parts[3]] = 0
            }
        }
        return open
    }

    /// Leaves each unsynced write as it is, takes it away, tears it, or fills it with garbage; forgets the trace. Returns how many were harmed.
    func cutPower<Random: RandomNumberGenerator>(_ random: inout Random) throws -> Int {
        var harmed = 0
        for (path, writes) in try unsynced().sorted(by: { $0.key < $1.key }) {
            guard let file = try? LogFile(path: path, create: false) else { continue }
            for write in writes.reversed() {
                let size = UInt64(try file.size())
                guard write.position < size else { continue }
                let end = min(size, write.position + write.count)
                let from = UInt64.random(in: write.position..<end, using: &random)
                switch random.next() % 5 {
                case 0: continue
                case 1 where end == size: try file.truncate(to: Int64(write.position))
                case 2 where end == size: try file.truncate(to: Int64(from))
                case 3: try Scratch.overwrite(path, at: from, with: [UInt8](repeating: 0, count: Int(end - from)))
                default: try Scratch.overwrite(path, at: from, with: (from..<end).map { _ in UInt8(truncatingIfNeeded: random.next()) })
                }
                harmed += 1
            }
        }
        try FileManager.default.removeItem(atPath: tracePath)
        return harmed
    }
}
