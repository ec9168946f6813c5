import Glibc
public import Logging

/// Writes each event as one JSON line with one `write(2)`, to stderr unless told otherwise.
///
/// Fields: timestamp (RFC 3339, UTC, milliseconds), level, service, logger, message, then the metadata beside them; the last writer of
/// a key wins in the order provider, logger, call. Values of keys that name personal data or secrets are written as `***`.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let service: String
    private let label: String
    private let descriptor: Int32

    /// - Parameter descriptor: an open file that the caller keeps open; 2 is stderr.
    public init(
        service: String, label: String, level: Logger.Level, metadataProvider: Logger.MetadataProvider? = nil, descriptor: Int32 = 2
    ) {
        self.service = service
        self.label = label
        self.logLevel = level
        self.metadataProvider = metadataProvider
        self.descriptor = descriptor
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        let nowMs = Int64(clock.tv_sec) * 1000 + Int64(clock.tv_nsec) / 1_000_000
        var line = LogLine()
        line.begin(timestampMs: nowMs, level: event.level, service: service, label: label)
        line.field("message", event.message.description)
        var merged = metadataProvider?.get() ?? [:]
        merged.merge(metadata) { $1 }
        if let own = event.metadata { merged.merge(own) { $1 } }
        if let error = event.error, merged["error"] == nil { merged["error"] = "\(error)" }
        for (key, value) in merged.sorted(by: { $0.key < $1.key }) { line.field(key, value) }
        line.end()
        write(line.bytes)
    }

    /// Whole lines up to PIPE_BUF are atomic on a pipe; a longer one, or a full pipe, may take several calls. Nothing can be reported
    /// when the log itself cannot be written, so a failure drops the rest of the line.
    private func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count < 0, errno != EINTR {
                    return
                }
            }
        }
    }
}
