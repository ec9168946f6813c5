import NIOCore

/// Whether a service answers in its own protocol, asked with a few raw bytes.
enum ServiceCheck {
    /// One question must be answered within this.
    private static let answerLimit = Duration.seconds(2)

    /// `PING`; while a log is loaded Redis answers `-LOADING`. A wish for a password is an answer.
    static func redis(host: String, port: Int) async -> Bool {
        await asks(host, port, Array("PING\r\n".utf8), operation: "PING redis") { bytes in
            guard bytes.contains(UInt8(ascii: "\n")) else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            return text.hasPrefix("+PONG") || text.hasPrefix("-NOAUTH")
        }
    }

    /// A start-up message (protocol 3.0): any answer but 57P03, "the database system is starting up", as pg_isready judges.
    static func postgres(host: String, port: Int) async -> Bool {
        var message: [UInt8] = [0, 3, 0, 0]
        for text in ["user", PostgresServer.user, "database", "postgres", ""] { message += Array(text.utf8) + [0] }
        let length = UInt32(message.count + 4)
        let header = (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * $0)) }
        return await asks(host, port, header + message, operation: "ask postgres") { bytes in
            guard let kind = bytes.first else { return nil }
            return kind == UInt8(ascii: "R") || (kind == UInt8(ascii: "E") && !String(decoding: bytes, as: UTF8.self).contains("57P03"))
        }
    }

    /// ApiVersions, version 0: the first request that every Kafka answers.
    static func kafka(host: String, port: Int) async -> Bool {
        let request: [UInt8] = [0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 1, 0, 2] + Array("rc".utf8)
        return await asks(host, port, request, operation: "ask kafka") { bytes in
            // Length, then our correlation id.
            bytes.count < 8 ? nil : Array(bytes[4..<8]) == [0, 0, 0, 1]
        }
    }

    /// The greeting that a mail server begins with, `220`.
    static func smtp(host: String, port: Int) async -> Bool {
        await asks(host, port, Array("NOOP\r\n".utf8), operation: "ask the mail server") { bytes in
            bytes.contains(UInt8(ascii: "\n")) ? bytes.starts(with: Array("220".utf8)) : nil
        }
    }

    private static func asks(
        _ host: String, _ port: Int, _ question: [UInt8], operation: String, judge: @escaping @Sendable ([UInt8]) -> Bool?
    ) async -> Bool {
        let answer = try? await Exchange.run(
            host: host, port: port, pieces: [question], timeout: answerLimit, receiver: JudgingReceiver(judge: judge), operation: operation)
        return answer ?? false
    }

    private struct JudgingReceiver: Receiver {
        let judge: @Sendable ([UInt8]) -> Bool?
        var bytes: [UInt8] = []

        mutating func receive(_ more: ByteBufferView) -> Bool? {
            bytes.append(contentsOf: more)
            return judge(bytes)
        }
    }
}
