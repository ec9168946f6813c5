/// Reserve requests made before the clock runs: one buffer of all tokens, the rest is the same for all.
final class PreparedReserves: Sendable {
    let count: Int
    private let tokens: [UInt8]
    private let tokenLength: Int
    private let head: [UInt8]
    private let tail: [UInt8]

    init(count: Int, body: String, token: () throws -> String) throws {
        var tokens: [UInt8] = []
        var length = 0
        for index in 0..<count {
            let token = try token()
            if index == 0 {
                length = token.utf8.count
                tokens.reserveCapacity(count * length)
            }
            tokens.append(contentsOf: token.utf8)
        }
        self.count = count
        self.tokens = tokens
        tokenLength = length
        head = Array(
            """
            POST /api/v1/bookings/reserve HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\
            Authorization: Bearer \("")
            """.utf8)
        tail = Array("\r\n\r\n\(body)".utf8)
    }

    /// Every request is its user's first, so its number serves as the Idempotency-Key.
    func append(_ index: Int, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: head)
        bytes.append(contentsOf: tokens[(index * tokenLength)..<((index + 1) * tokenLength)])
        bytes.append(contentsOf: "\r\nIdempotency-Key: \(index)".utf8)
        bytes.append(contentsOf: tail)
    }
}
