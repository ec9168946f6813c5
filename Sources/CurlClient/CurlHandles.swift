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
        if let list = transfer.headerList { curl_slist_free_all(list) }
        transfer.headerList = nil
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

    /// Whether a byte of the request was given to a socket, in any of libcurl's own tries: it counts them all, also where a dead keep-alive
    /// connection made it try anew, so that "could not connect" of the second try does not hide what the first one sent.
    func wasSent(_ easy: UnsafeMutableRawPointer) -> Bool {
        var bytes = 0
        return ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK || bytes > 0
    }

    private func prepare(_ easy: UnsafeMutableRawPointer, _ transfer: CurlTransfer, now: ContinuousClock.Instant) -> Bool {
        let request = transfer.request
        let pointer = Unmanaged.passUnretained(transfer).toOpaque()
        var refused = false
        func check(_ code: CURLcode) {
            if code != CURLE_OK { refused = true }
        }
        check(ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1))
        check(ccurl_set_text(easy, CURLOPT_URL, request.url))
        check(ccurl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https"))
        check(ccurl_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1))
        check(ccurl_set_text(easy, CURLOPT_PROXY, configuration.proxy ?? ""))
        check(ccurl_set_long(easy, CURLOPT_TCP_NODELAY, 1))
        check(ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, configuration.verifiesTLS ? 1 : 0))
        check(ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, configuration.verifiesTLS ? 2 : 0))
        if let authorities = configuration.authorities { check(ccurl_set_text(easy, CURLOPT_CAINFO, authorities)) }
        check(ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, Int(max(1, (transfer.deadline - now).milliseconds))))
        check(ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(max(1, configuration.connectTimeout.milliseconds))))
        switch request.method {
        case .get: check(ccurl_set_long(easy, CURLOPT_HTTPGET, 1))
        case .post: check(ccurl_set_long(easy, CURLOPT_POST, 1))
        case .put, .patch, .delete:
            check(ccurl_set_long(easy, CURLOPT_POST, 1))
            check(ccurl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue))
        }
        if request.method != .get {
            check(ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count)))
            // libcurl copies it, so it need not outlive this call.
            request.body.withUnsafeBytes { body in
                check(ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, body.baseAddress ?? UnsafeRawPointer(pointer)))
            }
        }
        // Without it libcurl waits a second for "100 Continue" before a large body.
        var list = curl_slist_append(nil, "Expect:")
        for (name, value) in request.headers {
            guard let longer = curl_slist_append(list, value.isEmpty ? "\(name);" : "\(name): \(value)") else {
                refused = true
                break
            }
            list = longer
        }
        transfer.headerList = list
        check(ccurl_set_list(easy, CURLOPT_HTTPHEADER, list))
        check(ccurl_set_callback(easy, CURLOPT_WRITEFUNCTION, receiveBody))
        check(ccurl_set_pointer(easy, CURLOPT_WRITEDATA, pointer))
        check(ccurl_set_callback(easy, CURLOPT_HEADERFUNCTION, receiveHeader))
        check(ccurl_set_pointer(easy, CURLOPT_HEADERDATA, pointer))
        // The loop's table of active transfers keeps the object alive for as long as libcurl has the pointer.
        check(ccurl_set_pointer(easy, CURLOPT_PRIVATE, pointer))
        return !refused
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
