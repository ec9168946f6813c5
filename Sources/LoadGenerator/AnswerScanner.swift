/// Finds the end and the status of one HTTP/1.1 answer in a buffer, with as little work as that takes.
///
/// Knows Content-Length, an answer that has no body, and a chunked one that is alone in the buffer (there is no pipelining).
/// Anything else is malformed.
struct AnswerScanner {
    /// An answer that is larger is malformed.
    static let maxAnswerBytes = 8 << 20

    enum Outcome: Equatable {
        case incomplete
        case malformed
        /// `bodyStart..<end` is the body.
        case whole(status: Int, bodyStart: Int, end: Int, closes: Bool)
    }

    private var headEnd = 0
    private var status = 0
    private var length: Int?
    private var isChunked = false
    private var closes = false
    /// Bytes that were searched for the end of the head before.
    private var searched = 0

    /// Looks again at the whole buffer, which has grown since.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        if headEnd == 0 {
            guard let end = findHeadEnd(bytes) else {
                searched = max(0, bytes.count - 3)
                return bytes.count > Self.maxAnswerBytes ? .malformed : .incomplete
            }
            headEnd = end
            guard readHead(bytes) else { return .malformed }
        }
        if status == 204 || status == 304 { return .whole(status: status, bodyStart: headEnd, end: headEnd, closes: closes) }
        if let length {
            let end = headEnd + length
            guard end <= Self.maxAnswerBytes else { return .malformed }
            return bytes.count >= end ? .whole(status: status, bodyStart: headEnd, end: end, closes: closes) : .incomplete
        }
        guard isChunked, bytes.count <= Self.maxAnswerBytes else { return .malformed }
        let isEnded = bytes.count >= headEnd + 5 && bytes[(bytes.count - 5)...].elementsEqual([48, 13, 10, 13, 10])
        return isEnded ? .whole(status: status, bodyStart: headEnd, end: bytes.count, closes: closes) : .incomplete
    }

    private func findHeadEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = searched
        while index + 3 < bytes.count {
            if bytes[index + 3] > 13 {
                index += 4
            } else if bytes[index] == 13, bytes[index + 1] == 10, bytes[index + 2] == 13, bytes[index + 3] == 10 {
                return index + 4
            } else {
                index += 1
            }
        }
        return nil
    }

    private mutating func readHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // "HTTP/1.1 202"
        guard bytes.count > 12, bytes[..<7].elementsEqual("HTTP/1.".utf8), bytes[8] == 32 else { return false }
        for index in 9..<12 {
            guard (48...57).contains(bytes[index]) else { return false }
            status = status * 10 + Int(bytes[index] - 48)
        }
        var line = 12
        while line < headEnd {
            while bytes[line] != 10 { line += 1 }
            line += 1
            guard line < headEnd - 2 else { break }
            switch bytes[line] | 0x20 {
            case UInt8(ascii: "c"):
                if let value = value(of: "content-length:", bytes, line) {
                    var number = 0
                    var index = value
                    while (48...57).contains(bytes[index]), number < Self.maxAnswerBytes {
                        number = number * 10 + Int(bytes[index] - 48)
                        index += 1
                    }
                    length = number
                } else if let value = value(of: "connection:", bytes, line) {
                    closes = bytes[value] | 0x20 == UInt8(ascii: "c")
                }
            case UInt8(ascii: "t"):
                if value(of: "transfer-encoding:", bytes, line) != nil { isChunked = true }
            default: break
            }
        }
        return true
    }

    /// Where the value begins, when the line at `start` is of that header.
    private func value(of name: StaticString, _ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        guard start + name.utf8CodeUnitCount < headEnd else { return nil }
        for offset in 0..<name.utf8CodeUnitCount {
            let byte = bytes[start + offset]
            let lowercased = (65...90).contains(byte) ? byte | 0x20 : byte
            guard lowercased == name.utf8Start[offset] else { return nil }
        }
        var index = start + name.utf8CodeUnitCount
        while bytes[index] == 32 || bytes[index] == 9 { index += 1 }
        return index
    }
}
