/// Reads one HTTP/1.1 answer (RFC 9112) from bytes as they come; pure. Interim 1xx answers are skipped.
struct HTTPAnswerParser: Sendable {
    /// What `consume` found.
    enum Event: Sendable {
        case head(status: Int, headers: [(name: String, value: String)])
        case body([UInt8])
        case end
    }

    /// A head that is longer is an error.
    static let maxHeadBytes = 256 << 10

    private enum State {
        case head
        case fixed(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailer
        case untilClose
        case done
    }

    private var state = State.head
    private var pending: [UInt8] = []
    private let isHead: Bool

    /// - Parameter isHead: the answer to HEAD has no body, whatever its headers say.
    init(isHead: Bool = false) {
        self.isHead = isHead
    }

    /// - Throws: ``LocalStackError`` for what is not HTTP.
    mutating func consume(_ bytes: some Sequence<UInt8>) throws(LocalStackError) -> [Event] {
        pending.append(contentsOf: bytes)
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// The peer closed: the end of a body without a length, else of too little.
    mutating func close() throws(LocalStackError) -> [Event] {
        switch state {
        case .untilClose:
            state = .done
            return [.end]
        case .done: return []
        default: throw Self.malformed("closed in the middle of an answer")
        }
    }

    /// Whether anything has come.
    var hasStarted: Bool { if case .head = state { !pending.isEmpty } else { true } }

    private mutating func step(_ events: inout [Event]) throws(LocalStackError) -> Bool {
        switch state {
        case .head: return try readHead(&events)
        case .fixed(let remaining): return take(remaining, &events, left: { .fixed(remaining: $0) }, then: .done)
        case .chunk(let remaining): return take(remaining, &events, left: { .chunk(remaining: $0) }, then: .chunkEnd)
        case .chunkSize:
            guard let line = takeLine() else { return false }
            let digits = line.prefix { $0 != ";" && $0 != " " }
            guard let size = Int(digits, radix: 16), size >= 0 else { throw Self.malformed("chunk size '\(line.prefix(40))'") }
            state = size == 0 ? .trailer : .chunk(remaining: size)
        case .chunkEnd:
            guard let line = takeLine() else { return false }
            guard line.isEmpty else { throw Self.malformed("chunk without its end") }
            state = .chunkSize
        case .trailer:
            guard let line = takeLine() else { return false }
            if line.isEmpty { finish(&events) }
        case .untilClose:
            guard !pending.isEmpty else { return false }
            events.append(.body(pending))
            pending = []
        case .done: return false
        }
        return true
    }

    private mutating func readHead(_ events: inout [Event]) throws(LocalStackError) -> Bool {
        guard let end = headEnd() else {
            guard pending.count <= Self.maxHeadBytes else { throw Self.malformed("head over \(Self.maxHeadBytes) bytes") }
            return false
        }
        var lines = String(decoding: pending[..<end], as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: true)[...]
        pending.removeFirst(end + 4)
        let first = lines.popFirst() ?? ""
        let parts = first.split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else {
            throw Self.malformed("status line '\(first.prefix(80))'")
        }
        if (100..<200).contains(status) { return true }
        var headers: [(name: String, value: String)] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { throw Self.malformed("header '\(line.prefix(80))'") }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append((String(line[..<colon]), String(value)))
        }
        events.append(.head(status: status, headers: headers))
        func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value.lowercased() }
        if isHead || status == 204 || status == 304 {
            finish(&events)
        } else if header("transfer-encoding")?.contains("chunked") == true {
            state = .chunkSize
        } else if let text = header("content-length") {
            guard let length = Int(text), length >= 0 else { throw Self.malformed("content-length '\(text.prefix(40))'") }
            if length == 0 { finish(&events) } else { state = .fixed(remaining: length) }
        } else {
            state = .untilClose
        }
        return true
    }

    private func headEnd() -> Int? {
        guard pending.count >= 4 else { return nil }
        for index in 0...(pending.count - 4)
        where pending[index] == 13 && pending[index + 1] == 10 && pending[index + 2] == 13 && pending[index + 3] == 10 {
            return index
        }
        return nil
    }

    private mutating func take(_ remaining: Int, _ events: inout [Event], left: (Int) -> State, then next: State) -> Bool {
        guard !pending.isEmpty else { return false }
        let count = min(remaining, pending.count)
        events.append(.body(Array(pending[..<count])))
        pending.removeFirst(count)
        if count < remaining {
            state = left(remaining - count)
        } else if case .done = next {
            finish(&events)
        } else {
            state = next
        }
        return true
    }

    private mutating func takeLine() -> String? {
        guard let end = pending.firstIndex(of: 10) else { return nil }
        var line = pending[..<end]
        if line.last == 13 { line.removeLast() }
        let text = String(decoding: line, as: UTF8.self)
        pending.removeFirst(end + 1)
        return text
    }

    private mutating func finish(_ events: inout [Event]) {
        state = .done
        events.append(.end)
    }

    private static func malformed(_ what: String) -> LocalStackError {
        LocalStackError(.noAnswer, operation: "read an HTTP answer", message: "malformed: \(what)")
    }
}
