/// Every limit of a ``CurlClient``.
public struct CurlConfiguration: Sendable {
    /// From submission to the last byte of the answer, the wait for a free connection included.
    public var timeout: Duration
    /// Name look-up, TCP and TLS handshake together.
    public var connectTimeout: Duration
    /// Connections open at a time, and so requests in flight; the others wait.
    public var maxConnections: Int
    /// Requests waiting or in flight; one more is refused as ``CurlError/Code/overloaded``.
    public var maxPending: Int
    /// Largest body of an answer, in bytes; a larger one is given up as ``CurlError/Code/tooLarge``.
    public var maxResponseBytes: Int
    /// Whether the peer's certificate and name are checked. Only a test may turn it off.
    public var verifiesTLS: Bool
    /// A PEM file of trusted authorities; nil is the system's.
    public var authorities: String?
    /// A proxy's URL; nil is none, whatever the environment says.
    public var proxy: String?
    /// Whether connections to addresses that are not of the public internet (loopback, private, link-local …) are refused, as
    /// ``CurlError/Code/forbiddenAddress``: for URLs that come from outside.
    public var onlyPublicAddresses: Bool
    /// How long a shutdown lets requests in flight go on.
    public var drainTimeout: Duration

    /// All limits at their defaults.
    public init(
        timeout: Duration = .seconds(10), connectTimeout: Duration = .seconds(2), maxConnections: Int = 64, maxPending: Int = 4_096,
        maxResponseBytes: Int = 1_048_576, verifiesTLS: Bool = true, authorities: String? = nil, proxy: String? = nil,
        onlyPublicAddresses: Bool = false, drainTimeout: Duration = .seconds(5)
    ) {
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.maxConnections = maxConnections
        self.maxPending = maxPending
        self.maxResponseBytes = maxResponseBytes
        self.verifiesTLS = verifiesTLS
        self.authorities = authorities
        self.proxy = proxy
        self.onlyPublicAddresses = onlyPublicAddresses
        self.drainTimeout = drainTimeout
    }
}
