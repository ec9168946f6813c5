import CoreMetrics
import Glibc

/// Figures about this process that cost little to read: memory, CPU time, open files, start time. Names as Prometheus' own clients use.
enum ProcessMetrics {
    /// Adds the figures to `registry`; they are read at each scrape.
    static func register(in registry: PrometheusRegistry) {
        let memory = Meter(label: "process_resident_memory_bytes", dimensions: [], factory: registry)
        let files = Meter(label: "process_open_fds", dimensions: [], factory: registry)
        let cpu = registry.floatingPointCounter(label: "process_cpu_seconds_total", dimensions: [])
        Meter(label: "process_start_time_seconds", dimensions: [], factory: registry).set(Int64(time(nil)))
        registry.addCollector {
            memory.set(residentMemoryBytes() ?? 0)
            files.set(openFiles() ?? 0)
            cpu.store(cpuSeconds())
        }
    }

    /// The second field of /proc/self/statm, in pages.
    private static func residentMemoryBytes() -> Int64? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Int64(fields[1]) else { return nil }
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(microseconds) / 1e6
    }

    /// Linux 6.2 and later give the number as the directory's size; before that the entries are counted.
    private static func openFiles() -> Int64? {
        var status = stat()
        if stat("/proc/self/fd", &status) == 0, status.st_size > 0 { return Int64(status.st_size) }
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var entries: Int64 = 0
        while readdir(directory) != nil { entries += 1 }
        // Less ".", ".." and the directory itself.
        return max(0, entries - 3)
    }
}
