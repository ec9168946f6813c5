/// Ids that nobody gave out before.
enum RandomID {
    /// 128 random bits in the way UUIDs are written.
    static func uuid() -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for position in 0..<32 {
            if [8, 12, 16, 20].contains(position) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int.random(in: 0..<16)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// 22 characters, as Kafka's cluster ids have.
    static func cluster() -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        return String(decoding: (0..<22).map { _ in letters[Int.random(in: 0..<64)] }, as: UTF8.self)
    }
}
