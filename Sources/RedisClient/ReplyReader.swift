import CHiredis

/// Owns hiredis' reply parser. Confined to the I/O thread.
struct ReplyReader: ~Copyable {
    private let reader: UnsafeMutablePointer<redisReader>

    /// Nil when memory is exhausted.
    init?() {
        guard let reader = redisReaderCreate() else { return nil }
        self.reader = reader
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Adds bytes from the socket.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisFailure) {
        guard redisReaderFeed(reader, bytes.baseAddress, bytes.count) == REDIS_OK else { throw failure() }
    }

    /// The next complete reply, or nil when more bytes are needed.
    func next() throws(RedisFailure) -> RedisReply? {
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw failure() }
        guard let object else { return nil }
        defer { freeReplyObject(object) }
        return Self.convert(object.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private func failure() -> RedisFailure {
        let message = withUnsafeBytes(of: reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return RedisFailure(code: .protocolViolation, message: message.isEmpty ? "the reply cannot be read" : message, mayHaveRun: true)
    }

    /// Depth is limited to seven by the parser.
    private static func convert(_ reply: redisReply) -> RedisReply {
        switch reply.type {
        case REDIS_REPLY_STRING: .string([UInt8](bytes(reply)))
        case REDIS_REPLY_INTEGER: .integer(reply.integer)
        case REDIS_REPLY_STATUS: .status(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: .error(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            .array(
                UnsafeBufferPointer(start: reply.element, count: Int(reply.elements)).map { element in
                    if let element { convert(element.pointee) } else { .null }
                })
        default: .null
        }
    }

    private static func bytes(_ reply: redisReply) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: reply.str, count: Int(reply.len))
    }
}
