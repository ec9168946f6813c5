import CCurl

extension CurlHandles {
    /// Prepares a handle for one mail.
    static func prepare(
        _ options: inout CurlOptions, _ message: SMTPMessage, _ server: SMTPServer, _ transfer: CurlTransfer, timeout: Duration,
        _ pointer: UnsafeMutableRawPointer
    ) {
        options.text(CURLOPT_URL, server.url)
        options.text(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        // With CURLUSESSL_ALL a server without STARTTLS is an error, so nobody in between can take the encryption away.
        options.long(CURLOPT_USE_SSL, Int(server.security == .none ? CURLUSESSL_NONE.rawValue : CURLUSESSL_ALL.rawValue))
        if let credentials = server.credentials {
            options.text(CURLOPT_USERNAME, credentials.user)
            options.text(CURLOPT_PASSWORD, credentials.password)
        }
        options.text(CURLOPT_MAIL_FROM, "<\(message.sender)>")
        transfer.list = options.list(CURLOPT_MAIL_RCPT, ["<\(message.recipient)>"])
        options.long(CURLOPT_UPLOAD, 1)
        options.offset(CURLOPT_INFILESIZE_LARGE, message.content.count)
        options.callback(CURLOPT_READFUNCTION, giveContent)
        options.pointer(CURLOPT_READDATA, pointer)
        options.callback(CURLOPT_WRITEFUNCTION, ignore)
        // Also bounds the wait for the goodbye of a server that refused something, in which libcurl holds up the I/O thread.
        options.long(CURLOPT_SERVER_RESPONSE_TIMEOUT, max(1, Int((timeout.milliseconds + 999) / 1000)))
        // libcurl's result alone does not say which command was refused.
        options.debug(overhear)
        options.pointer(CURLOPT_DEBUGDATA, pointer)
        options.long(CURLOPT_VERBOSE, 1)
    }
}

private func giveContent(_ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int {
    guard let buffer, let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.giveContent(UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

private func ignore(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int { size * count }

private func overhear(
    _ easy: UnsafeMutableRawPointer?, _ kind: curl_infotype, _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    let text = UnsafeRawBufferPointer(start: bytes, count: count)
    switch kind {
    case CURLINFO_HEADER_OUT: transfer.dialogue.said(text)
    case CURLINFO_HEADER_IN: transfer.dialogue.heard(text)
    default: break
    }
    return 0
}

extension CurlTransfer {
    /// Fills a buffer with what comes next of a mail's content.
    func giveContent(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard case .mail(let message, _) = job else { return 0 }
        let piece = message.content[sentBytes..<min(message.content.count, sentBytes + buffer.count)]
        buffer.copyBytes(from: piece)
        sentBytes += piece.count
        return piece.count
    }
}
