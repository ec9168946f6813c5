import Glibc

/// How much CPU named processes use between two moments, from /proc; a process counts with all below it that have no name of their own
/// (PostgreSQL's backends).
public struct CPUSampler: Sendable {
    /// Per cent of one core: two busy cores are 200.
    public struct Usage: Sendable {
        /// By the names that were given.
        public let percent: [String: Double]
        /// What the whole machine left unused, per cent of one core.
        public let idlePercent: Double
    }

    private let processes: [String: Int32]
    private let startNs: Int64
    private let startTicks: [String: Int]
    private let startIdle: Int

    /// Notes where the processes stand; ``usage()`` tells what they used since.
    public init(_ processes: [String: Int32]) {
        self.processes = processes
        startNs = Self.now()
        startTicks = Self.ticks(processes)
        startIdle = Self.idleTicks()
    }

    /// The use since the start. A process that is gone, or whose children were not awaited, counts with what is left of it, not below 0.
    public func usage() -> Usage {
        let seconds = max(Double(Self.now() - startNs) / 1e9, 0.001)
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        let end = Self.ticks(processes)
        let percent = startTicks.map { name, before in (name, Double(max(0, (end[name] ?? before) - before)) / perSecond / seconds * 100) }
        let idle = Double(max(0, Self.idleTicks() - startIdle)) / perSecond / seconds * 100
        return Usage(percent: Dictionary(uniqueKeysWithValues: percent), idlePercent: idle)
    }

    private struct Entry {
        let parent: Int32
        /// User and system time, with that of children which were awaited.
        let ticks: Int
    }

    private static func ticks(_ processes: [String: Int32]) -> [String: Int] {
        var table: [Int32: Entry] = [:]
        guard let directory = opendir("/proc") else { return [:] }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let pid = Int32(name) { table[pid] = read(pid) }
        }
        var children: [Int32: [Int32]] = [:]
        for (pid, entry) in table { children[entry.parent, default: []].append(pid) }
        // A process that is named itself does not count again with the one that started it.
        let named = Set(processes.values)
        return processes.compactMapValues { root in
            guard table[root] != nil else { return nil }
            var sum = 0
            var open = [root]
            while let pid = open.popLast() {
                sum += table[pid]?.ticks ?? 0
                open += (children[pid] ?? []).filter { !named.contains($0) }
            }
            return sum
        }
    }

    /// /proc/<pid>/stat; the fields are counted after the command, which may hold blanks and brackets.
    private static func read(_ pid: Int32) -> Entry? {
        guard let text = contents("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        // 0 state, 1 parent, 11 utime, 12 stime, 13 cutime, 14 cstime.
        guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
        return Entry(parent: parent, ticks: (11...14).reduce(0) { $0 + (Int(fields[$1]) ?? 0) })
    }

    private static func idleTicks() -> Int {
        let fields = (contents("/proc/stat") ?? "").prefix { $0 != "\n" }.split(separator: " ")
        return fields.count > 5 ? (Int(fields[4]) ?? 0) + (Int(fields[5]) ?? 0) : 0
    }

    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
