extension RedisConfiguration {
    /// Reads `redis://[user:password@]host[:port][/database]`; parts are percent-decoded, an IPv6 address stands in brackets.
    /// - Throws: ``RedisError`` with code `configuration` that names the wrong part, never its secret.
    public init(url: String) throws(RedisError) {
        guard let separator = url.range(ofText: "://") else { throw Self.invalid("the scheme is missing, write redis://host:port/database") }
        let scheme = url[..<separator.lowerBound].lowercased()
        guard scheme == "redis" else {
            throw Self.invalid(scheme == "rediss" ? "TLS (rediss) is not supported" : "the scheme must be redis")
        }
        var rest = url[separator.upperBound...]
        self.init()

        guard !rest.contains("?"), !rest.contains("#") else { throw Self.invalid("query and fragment are not supported") }
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[rest.index(after: slash)...]
            if !path.isEmpty {
                guard let number = Int(path), number >= 0 else { throw Self.invalid("the database must be a number, as in /0") }
                database = number
            }
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: "@") {
            let credentials = rest[..<at]
            guard let colon = credentials.firstIndex(of: ":") else { throw Self.invalid("credentials are written user:password@ or :password@") }
            guard let user = Self.percentDecoded(credentials[..<colon]),
                let secret = Self.percentDecoded(credentials[credentials.index(after: colon)...])
            else { throw Self.invalid("a % escape in the credentials is malformed") }
            guard !secret.isEmpty else { throw Self.invalid("the password is empty") }
            username = user.isEmpty ? nil : user
            password = secret
            rest = rest[rest.index(after: at)...]
        }
        var portText: Substring?
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else { throw Self.invalid("the IPv6 address lacks its closing bracket") }
            host = String(rest[rest.index(after: rest.startIndex)..<close])
            let tail = rest[rest.index(after: close)...]
            guard tail.isEmpty || tail.first == ":" else { throw Self.invalid("what follows the IPv6 address must be :port") }
            portText = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = rest.firstIndex(of: ":") {
            host = String(rest[..<colon])
            portText = rest[rest.index(after: colon)...]
        } else {
            host = String(rest)
        }
        guard !host.isEmpty else { throw Self.invalid("the host is missing") }
        if let portText {
            guard let number = Int(portText), (1...65_535).contains(number) else { throw Self.invalid("the port must be 1 to 65535") }
            port = number
        }
    }

    private static func invalid(_ message: String) -> RedisError {
        RedisError(code: .configuration, operation: "parse Redis URL", message: message)
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next(), let low = iterator.next(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension String {
    /// The first place of `needle`, without Foundation.
    fileprivate func range(ofText needle: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(needle) { return index..<self.index(index, offsetBy: needle.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
