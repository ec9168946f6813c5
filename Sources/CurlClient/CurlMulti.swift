import CCurl

/// The owner of libcurl's multi handle.
///
/// `@unchecked Sendable`: `curl_multi_wakeup` is the one function that libcurl allows from any thread while the handle lives, and a reference to this
/// object keeps it alive; everything else is called by the I/O thread alone.
final class CurlMulti: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
    /// Whether a mail server stopped answering; only the I/O thread writes it, and ends before this object does.
    var hasSilentServer = false

    /// Nil when there is no memory left.
    init?() {
        guard Self.isReady, let handle = curl_multi_init() else { return nil }
        self.handle = handle
    }

    deinit {
        // libcurl says QUIT to each mail server and waits up to two minutes for its goodbye. Where one is silent the handle is left to the end of the
        // process, which is near.
        if !hasSilentServer { curl_multi_cleanup(handle) }
    }

    /// Ends the I/O thread's poll. Any thread.
    func wake() {
        curl_multi_wakeup(handle)
    }

    /// libcurl's own set-up, once a process.
    private static let isReady = ccurl_global_init() == CURLE_OK
}
