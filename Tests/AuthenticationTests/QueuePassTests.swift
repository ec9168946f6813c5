import Domain
import Testing

@testable import Authentication

struct QueuePassTests {
    private let key: QueuePassKey
    private let now = Timestamp(ms: 1_795_000_000_000)
    private let pass: QueuePass

    init() throws {
        key = try QueuePassKey(secret: String(repeating: "s", count: 32))
        pass = QueuePass(
            entry: .make(nowMs: 1_795_000_000_000, shard: Shard(truncating: 5)), event: Self.id(), user: Self.id(),
            expiresAt: Timestamp(ms: 1_795_000_300_000))
    }

    private static func id<Kind>() -> Identifier<Kind> { Identifier(UUIDBits(high: .random(in: .min ... .max), low: .random(in: .min ... .max))) }

    @Test func aPassOpensForItsUserAndEventUntilItRunsOut() throws {
        let text = key.text(of: pass)
        #expect(text.utf8.count == 118)
        #expect(text.utf8.allSatisfy { UInt8(ascii: "!")...UInt8(ascii: "~") ~= $0 })
        let read = try key.pass(text, user: pass.user, event: pass.event, now: now)
        #expect(read == pass)
    }

    @Test func eachFaultHasItsName() throws {
        let text = key.text(of: pass)
        func fault(_ text: String?, user: UserID? = nil, event: EventID? = nil, now: Timestamp? = nil, key: QueuePassKey? = nil) -> QueuePassFault? {
            do throws(QueuePassFault) {
                _ = try (key ?? self.key).pass(text, user: user ?? pass.user, event: event ?? pass.event, now: now ?? self.now)
                return nil
            } catch {
                return error
            }
        }
        #expect(fault(text) == nil)
        #expect(fault(nil) == .missing && fault("") == .missing)
        #expect(fault(text, user: Self.id()) == .foreign)
        #expect(fault(text, event: Self.id()) == .otherEvent)
        #expect(fault(text, now: pass.expiresAt) == .expired)
        let other = try QueuePassKey(secret: String(repeating: "t", count: 32))
        #expect(fault(text, key: other) == .forged)
        #expect(fault(text + "A") == .forged && fault(String(text.dropLast())) == .forged && fault("*" + text.dropFirst()) == .forged)
        // Every single bit counts, save the two at the end that base64 has over.
        for index in text.indices.dropLast() {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(fault(changed) == .forged)
        }
    }

    @Test func aShortSecretIsRefused() {
        #expect(throws: TokenError.weakSecret) { try QueuePassKey(secret: "short") }
    }
}
