import Domain
import Foundation
import Testing

@Suite struct JSONReaderTests {
    @Test(arguments: [
        "[1,2,3]", "{\"a\":[true,false,null]}", "\"\\u00e9\\n\\\"\\ud83d\\ude00\"", " 1 ", "-0.5e+10", "{}", "[]", "\"\"", "[[[[1]]]]",
    ])
    func takesWhatIsJSON(_ text: String) throws {
        var reader = JSONReader(Array(text.utf8))
        try reader.skip()
        try reader.end()
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "\"\\x\"", "\"\u{1}\"", "\"abc", "01", "1.", "1e", "+1", "tru", "[1] 2", "\"\\ud800\"",
        "\"\\udc00x\"",
        "-", "nul", "{\"a\":1,}", "\"\\u12g4\"",
    ])
    func refusesWhatIsNot(_ text: String) {
        #expect(throws: JSONError.self) {
            var reader = JSONReader(Array(text.utf8))
            // A leading zero is caught by the typed read; skip() is for members nobody wants.
            if text == "01" { _ = try reader.int() } else { try reader.skip() }
            try reader.end()
        }
    }

    @Test func refusesInvalidUTF8() {
        var reader = JSONReader([0x22, 0xff, 0xfe, 0x22])
        #expect(throws: JSONError.self) { try reader.string() }
    }

    @Test func refusesDeepNesting() {
        var reader = JSONReader([UInt8](repeating: UInt8(ascii: "["), count: 100_000))
        #expect(throws: JSONError.self) { try reader.skip() }
    }

    @Test(arguments: [
        (Int64.max, "9223372036854775807"), (Int64.min, "-9223372036854775808"), (0, "0"), (-1, "-1"),
        (1_000_000_000_000_000_000, "1000000000000000000"),
    ])
    func readsWholeNumbersExactly(_ number: Int64, _ text: String) throws {
        var reader = JSONReader(Array(text.utf8))
        #expect(try reader.int() == number)
    }

    @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1.0", "1e3", "\"1\"", "true", "null", "99999999999999999999999999"])
    func refusesOtherNumbers(_ text: String) {
        var reader = JSONReader(Array(text.utf8))
        #expect(throws: JSONError.self) { try reader.int() }
    }

    @Test func namesThePathOfAFault() {
        var reader = JSONReader(Array(#"{"a":{"b":"x"}}"#.utf8))
        let error = #expect(throws: JSONError.self) {
            try reader.object { (_, inner) throws(JSONError) in try inner.object { (_, value) throws(JSONError) in _ = try value.int() } }
        }
        #expect(error?.path == ["a", "b"])
    }

    /// Foundation is the judge: whatever the bytes, both take them or both refuse them, and strings come out the same.
    @Test func agreesWithFoundationOnMangledDocuments() throws {
        var generator = SplitMix(seed: 42)
        let source = Array(#"{"event_id":"é\u0041\n","q":[1,-2.5e3,true,null,{"x":"😀"}]}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = source
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0x20...0x7e, using: &generator)
            }
            var reader = JSONReader(bytes)
            let ours: Bool
            do {
                try reader.skip()
                try reader.end()
                ours = true
            } catch {
                ours = false
            }
            let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            // Foundation refuses numbers with leading zeros, and those too large for it, that skip() passes over.
            if ours != theirs, !String(decoding: bytes, as: UTF8.self).contains(/[0-9]{2}|e[0-9]/) {
                Issue.record("ours \(ours), Foundation \(theirs): \(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    @Test(arguments: ["plain", "quote\" backslash\\ newline\n tab\t nul\0", "é😀", ""])
    func writesWhatItReads(_ text: String) throws {
        var writer = JSONWriter()
        writer.object {
            $0.member("text", text)
            $0.member("n", Int64.min)
        }
        let decoded = try #require(JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String: Any])
        #expect(decoded["text"] as? String == text)
        var reader = JSONReader(writer.bytes)
        try reader.object { (key, value) throws(JSONError) in
            if key == "text" { #expect(try value.string() == text) } else { #expect(try value.int() == Int64.min) }
        }
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
