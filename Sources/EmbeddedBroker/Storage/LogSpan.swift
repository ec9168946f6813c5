/// A part of a file that is wanted in the page cache.
struct LogSpan: Sendable {
    let file: LogFile
    let start: Int64
    let end: Int64

    /// Reads it, and forgets it: the kernel keeps it. Blocks; an error shows when the records themselves are read.
    func load() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchScanner.chunkSize, alignment: 16)
        defer { buffer.deallocate() }
        var position = start
        while position < end, let count = try? file.read(into: buffer, at: position), count > 0 { position += Int64(count) }
    }
}
