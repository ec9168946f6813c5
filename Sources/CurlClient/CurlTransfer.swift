import CCurl

/// Bounds that no configuration changes.
enum CurlLimits {
    /// All headers of one answer, in bytes.
    static let maxHeaderBytes = 64 * 1024
}

/// One request on its way, and who waits for it.
///
/// `@unchecked Sendable`: the caller's task writes it before it is put into the mailbox, whose lock orders that before everything the I/O thread does;
/// from then on only the I/O thread touches it (libcurl's callbacks run there too). The caller keeps a reference only as a name to cancel it by.
final class CurlTransfer: @unchecked Sendable {
    let request: HTTPRequest
    let deadline: ContinuousClock.Instant
    private let continuation: CheckedContinuation<Result<HTTPResponse, CurlError>, Never>

    /// Set when the cancellation came before the transfer itself.
    var isCancelled = false
    /// The handle while libcurl works on it.
    var easy: UnsafeMutableRawPointer?
    /// Freed when the transfer ends.
    var headerList: UnsafeMutablePointer<curl_slist>?
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
        request: HTTPRequest, deadline: ContinuousClock.Instant, maxBodyBytes: Int,
        continuation: CheckedContinuation<Result<HTTPResponse, CurlError>, Never>
    ) {
        self.request = request
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
                    code: code, operation: request.method.rawValue, message: message, mayHaveBeenSent: mayHaveBeenSent, curlCode: curlCode,
                    file: file, line: line)))
    }

    private func finish(_ result: Result<HTTPResponse, CurlError>) {
        guard !isOver else { return }
        isOver = true
        continuation.resume(returning: result)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }
}
