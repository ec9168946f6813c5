import CCurl

/// Bounds that no configuration changes.
enum CurlLimits {
    /// All headers of one answer, in bytes.
    static let maxHeaderBytes = 64 * 1024
}

/// What a transfer is to do.
enum CurlJob: Sendable {
    case http(HTTPRequest)
    case mail(SMTPMessage, SMTPServer)

    /// For errors.
    var operation: String {
        switch self {
        case .http(let request): request.method.rawValue
        case .mail: "MAIL"
        }
    }
}

/// One request on its way, and who waits for it.
///
/// `@unchecked Sendable`: the caller's task writes it before it is put into the mailbox, whose lock orders that before everything the I/O thread does;
/// from then on only the I/O thread touches it (libcurl's callbacks run there too). The caller keeps a reference only as a name to cancel it by.
final class CurlTransfer: @unchecked Sendable {
    let job: CurlJob
    let deadline: ContinuousClock.Instant
    private let continuation: CheckedContinuation<Result<HTTPResponse, CurlError>, Never>

    /// Set when the cancellation came before the transfer itself.
    var isCancelled = false
    /// The handle while libcurl works on it.
    var easy: UnsafeMutableRawPointer?
    /// Headers, or recipients; freed when the transfer ends.
    var list: UnsafeMutablePointer<curl_slist>?
    /// Where libcurl's socket callback writes that it refused an address; freed with the list.
    var refusedAddress: UnsafeMutablePointer<Int32>?
    /// How far a mail has come.
    var dialogue = SMTPDialogue()
    /// How much of a mail's content libcurl has.
    var sentBytes = 0
    /// Why a callback ended the transfer; libcurl knows it only as a write error.
    var refusal: CurlError.Code?

    /// Whether the empty line after the headers came: libcurl takes an answer that ends before it for one without a body.
    private(set) var hasAllHeaders = false

    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private var body: [UInt8] = []
    private let maxBodyBytes: Int
    private var isOver = false

    init(
        job: CurlJob, deadline: ContinuousClock.Instant, maxBodyBytes: Int,
        continuation: CheckedContinuation<Result<HTTPResponse, CurlError>, Never>
    ) {
        self.job = job
        self.deadline = deadline
        self.maxBodyBytes = maxBodyBytes
        self.continuation = continuation
    }

    /// Takes a piece of the body; false ends the transfer.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= maxBodyBytes else {
            refusal = .tooLarge
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    /// Takes one header line with its line break; false ends the transfer.
    func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= CurlLimits.maxHeaderBytes else {
            refusal = .tooLarge
            return false
        }
        if bytes.starts(with: "HTTP/".utf8) {
            // The status line of the real answer after an interim one.
            headers.removeAll(keepingCapacity: true)
            hasAllHeaders = false
            return true
        }
        if bytes.allSatisfy(Self.isSpace) { hasAllHeaders = true }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let name = String(decoding: bytes[..<colon], as: UTF8.self).lowercased()
        var start = colon + 1
        var end = bytes.count
        while start < end, Self.isSpace(bytes[start]) { start += 1 }
        while end > start, Self.isSpace(bytes[end - 1]) { end -= 1 }
        headers.append((name, String(decoding: bytes[start..<end], as: UTF8.self)))
        return true
    }

    /// Resumes the caller with the answer.
    func succeed(status: Int) {
        finish(.success(HTTPResponse(status: status, headers: headers, body: body)))
    }

    /// Resumes the caller with an error.
    func fail(
        _ code: CurlError.Code, _ message: String, mayHaveBeenSent: Bool = false, curlCode: Int32 = 0, file: String = #fileID, line: UInt = #line
    ) {
        finish(
            .failure(
                CurlError(
                    code: code, operation: job.operation, message: message, mayHaveBeenSent: mayHaveBeenSent, curlCode: curlCode, reply: reply,
                    file: file, line: line)))
    }

    private var reply: SMTPReply? {
        if case .mail = job { dialogue.reply } else { nil }
    }

    private func finish(_ result: Result<HTTPResponse, CurlError>) {
        guard !isOver else { return }
        isOver = true
        continuation.resume(returning: result)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }
}
