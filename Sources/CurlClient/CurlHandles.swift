import CCurl

/// Easy handles, set up for one transfer at a time and kept for the next. Only the I/O thread uses it.
struct CurlHandles {
    private let configuration: CurlConfiguration
    private var idle: [UnsafeMutableRawPointer] = []

    init(configuration: CurlConfiguration) {
        self.configuration = configuration
    }

    /// Hands a transfer to libcurl; false when its caller was told why that cannot be.
    mutating func begin(_ transfer: CurlTransfer, multi: CurlMulti, now: ContinuousClock.Instant) -> Bool {
        guard let easy = idle.popLast() ?? curl_easy_init() else {
            transfer.fail(.system, "no memory for a transfer")
            return false
        }
        transfer.easy = easy
        guard prepare(easy, transfer, now: now) else {
            end(transfer, multi: nil)
            transfer.fail(.invalidRequest, "libcurl refused an option of the request")
            return false
        }
        guard curl_multi_add_handle(multi.handle, easy) == CURLM_OK else {
            end(transfer, multi: nil)
            transfer.fail(.system, "libcurl took no further transfer")
            return false
        }
        return true
    }

    /// Takes a transfer's handle back.
    mutating func end(_ transfer: CurlTransfer, multi: CurlMulti?) {
        guard let easy = transfer.easy else { return }
        transfer.easy = nil
        if let multi { curl_multi_remove_handle(multi.handle, easy) }
        curl_easy_reset(easy)
        if let list = transfer.list { curl_slist_free_all(list) }
        transfer.list = nil
        transfer.refusedAddress?.deallocate()
        transfer.refusedAddress = nil
        idle.append(easy)
    }

    /// Frees the idle handles.
    mutating func close() {
        for easy in idle { curl_easy_cleanup(easy) }
        idle = []
    }

    /// The answer's status.
    func status(of easy: UnsafeMutableRawPointer) -> Int {
        var status = 0
        ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        return status
    }

    /// Whether the peer may act on it. Of a mail: whether its end may have gone out.
    func wasSent(_ transfer: CurlTransfer, _ easy: UnsafeMutableRawPointer) -> Bool {
        switch transfer.job {
        case .http: wasSent(easy)
        case .mail(let message, _): transfer.dialogue.reply.stage == .content && transfer.sentBytes >= message.content.count
        }
    }

    /// Whether a byte of the request was given to a socket, in any of libcurl's own tries: it counts them all, also where a dead keep-alive
    /// connection made it try anew, so that "could not connect" of the second try does not hide what the first one sent.
    private func wasSent(_ easy: UnsafeMutableRawPointer) -> Bool {
        var bytes = 0
        return ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK || bytes > 0
    }

    private func prepare(_ easy: UnsafeMutableRawPointer, _ transfer: CurlTransfer, now: ContinuousClock.Instant) -> Bool {
        let pointer = Unmanaged.passUnretained(transfer).toOpaque()
        var options = CurlOptions(easy: easy)
        options.long(CURLOPT_NOSIGNAL, 1)
        options.text(CURLOPT_PROXY, configuration.proxy ?? "")
        options.long(CURLOPT_TCP_NODELAY, 1)
        options.long(CURLOPT_SSL_VERIFYPEER, configuration.verifiesTLS ? 1 : 0)
        options.long(CURLOPT_SSL_VERIFYHOST, configuration.verifiesTLS ? 2 : 0)
        if let authorities = configuration.authorities { options.text(CURLOPT_CAINFO, authorities) }
        options.long(CURLOPT_TIMEOUT_MS, Int(max(1, (transfer.deadline - now).milliseconds)))
        options.long(CURLOPT_CONNECTTIMEOUT_MS, Int(max(1, configuration.connectTimeout.milliseconds)))
        // The loop's table of active transfers keeps the object alive for as long as libcurl has the pointer.
        options.pointer(CURLOPT_PRIVATE, pointer)
        if configuration.onlyPublicAddresses {
            let refused = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
            refused.initialize(to: 0)
            transfer.refusedAddress = refused
            options.check(ccurl_set_only_public(easy, refused))
        }
        switch transfer.job {
        case .http(let request): Self.prepare(&options, request, transfer, pointer)
        case .mail(let message, let server): Self.prepare(&options, message, server, transfer, timeout: transfer.deadline - now, pointer)
        }
        return !options.wasRefused
    }

    private static func prepare(_ options: inout CurlOptions, _ request: HTTPRequest, _ transfer: CurlTransfer, _ pointer: UnsafeMutableRawPointer) {
        options.text(CURLOPT_URL, request.url)
        options.text(CURLOPT_PROTOCOLS_STR, "http,https")
        options.long(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        switch request.method {
        case .get: options.long(CURLOPT_HTTPGET, 1)
        case .post: options.long(CURLOPT_POST, 1)
        case .put, .patch, .delete:
            options.long(CURLOPT_POST, 1)
            options.text(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        }
        if request.method != .get {
            options.offset(CURLOPT_POSTFIELDSIZE_LARGE, request.body.count)
            // libcurl copies it, so it need not outlive this call.
            request.body.withUnsafeBytes { body in
                options.pointer(CURLOPT_COPYPOSTFIELDS, body.baseAddress ?? UnsafeRawPointer(pointer))
            }
        }
        // Without it libcurl waits a second for "100 Continue" before a large body.
        transfer.list = options.list(
            CURLOPT_HTTPHEADER, ["Expect:"] + request.headers.map { name, value in value.isEmpty ? "\(name);" : "\(name): \(value)" })
        options.callback(CURLOPT_WRITEFUNCTION, receiveBody)
        options.pointer(CURLOPT_WRITEDATA, pointer)
        options.callback(CURLOPT_HEADERFUNCTION, receiveHeader)
        options.pointer(CURLOPT_HEADERDATA, pointer)
    }
}

private func receiveBody(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int {
    guard let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private func receiveHeader(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int {
    guard let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}
