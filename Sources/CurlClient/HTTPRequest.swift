/// One HTTP/1.1 request.
public struct HTTPRequest: Sendable {
    /// The methods that this client knows.
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    public var method: Method
    /// Absolute, `http` or `https`, percent-encoded by the caller.
    public var url: String
    /// In the order they are sent; no line breaks in them. `Host` and `Content-Length` are made by libcurl.
    public var headers: [(name: String, value: String)]
    /// Sent with its length; ignored for GET.
    public var body: [UInt8]
    /// From submission to the last byte of the answer; nil is the client's ``CurlConfiguration/timeout``.
    public var timeout: Duration?

    public init(
        method: Method = .get, url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [], timeout: Duration? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// What came back: any status, also 4xx and 5xx.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// Names in lower case, in the order received; those of the last answer when an interim one (1xx) came before it.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]

    public init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of a header; `name` in lower case.
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
