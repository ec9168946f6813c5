import Glibc

/// The few directory operations that the broker needs.
enum Directory {
    /// Creates `path` and what is missing above it.
    static func create(_ path: String) throws(BrokerError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try create(String(path[..<slash]))
            if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        }
        throw .system(.dataDirectory, operation: "create a directory", path: path)
    }

    /// The names in `path`, without `.` and `..`, in no order.
    static func names(in path: String) throws(BrokerError) -> [String] {
        guard let stream = opendir(path) else { throw .system(.dataDirectory, operation: "list a directory", path: path) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Makes the entries of `path` durable; one that was removed meanwhile, with its topic, has none.
    static func sync(_ path: String) throws(BrokerError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return }
        guard descriptor >= 0 else { throw .system(.sync, operation: "open a directory", path: path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(.sync, operation: "make a directory durable", path: path) }
    }

    /// Removes `path` and all below it; what cannot be removed stays, and is tried again at the next start.
    static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? names(in: path)) ?? [] { remove(path + "/" + name) }
        rmdir(path)
    }

    /// Takes the lock that keeps a second broker out of `path`; held until the process ends.
    static func lock(_ path: String) throws(BrokerError) {
        let file = path + "/lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(.dataDirectory, operation: "open the lock file", path: file) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw BrokerError(.dataDirectory, operation: "use the data directory", message: "\(path) is in use by another broker")
        }
    }
}
