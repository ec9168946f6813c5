import CCurl

/// Sets the options of one easy handle, and remembers whether libcurl refused any.
struct CurlOptions {
    private let easy: UnsafeMutableRawPointer
    /// Whether libcurl refused one.
    private(set) var wasRefused = false

    init(easy: UnsafeMutableRawPointer) {
        self.easy = easy
    }

    mutating func check(_ code: CURLcode) {
        if code != CURLE_OK { wasRefused = true }
    }

    mutating func long(_ option: CURLoption, _ value: Int) { check(ccurl_set_long(easy, option, value)) }
    mutating func offset(_ option: CURLoption, _ value: Int) { check(ccurl_set_offset(easy, option, curl_off_t(value))) }
    mutating func text(_ option: CURLoption, _ value: String) { check(ccurl_set_text(easy, option, value)) }
    mutating func pointer(_ option: CURLoption, _ value: UnsafeRawPointer) { check(ccurl_set_pointer(easy, option, value)) }
    mutating func callback(_ option: CURLoption, _ value: @escaping curl_write_callback) { check(ccurl_set_callback(easy, option, value)) }
    mutating func debug(_ value: @escaping curl_debug_callback) { check(ccurl_set_debug(easy, value)) }

    /// Sets a list of texts.
    /// - Returns: the list, which must outlive the transfer.
    mutating func list(_ option: CURLoption, _ values: [String]) -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        for value in values {
            guard let longer = curl_slist_append(list, value) else {
                wasRefused = true
                break
            }
            list = longer
        }
        check(ccurl_set_list(easy, option, list))
        return list
    }
}
