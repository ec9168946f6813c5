import Domain
import PersonalData
import Testing

struct PersonalDataTests {
    private let keys: PersonalDataKeys
    private let alice = UserID(.version7(nowMs: 1, shard: Shard(truncating: 0)))
    private let bob = UserID(.version7(nowMs: 2, shard: Shard(truncating: 0)))

    init() throws {
        keys = try PersonalDataKeys(masterKey: "a master key of this test, 32 bytes and more")
    }

    @Test func whatIsSealedComesBackWithTheKeyThatWasKept() throws {
        let (key, kept) = try keys.makeKey(of: alice)
        let sealed = try key.seal("alice@example.com", as: .email)
        #expect(try keys.openKey(kept, of: alice).open(sealed, as: .email) == "alice@example.com")
        #expect(try key.seal("สวัสดี", as: .name) != key.seal("สวัสดี", as: .name))
    }

    @Test func aSealCannotBeMovedToAnotherFieldOrPerson() throws {
        let (key, kept) = try keys.makeKey(of: alice)
        let (other, _) = try keys.makeKey(of: bob)
        let sealed = try key.seal("alice@example.com", as: .email)
        #expect(throws: PersonalDataError.self) { try key.open(sealed, as: .name) }
        #expect(throws: PersonalDataError.self) { try other.open(sealed, as: .email) }
        #expect(throws: PersonalDataError.self) { try keys.openKey(kept, of: bob) }
    }

    @Test func aChangedByteIsSeen() throws {
        let (key, kept) = try keys.makeKey(of: alice)
        let sealed = try key.seal("alice@example.com", as: .email)
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            #expect(throws: PersonalDataError.self) { try key.open(changed, as: .email) }
        }
        #expect(throws: PersonalDataError.self) { try key.open([], as: .email) }
        #expect(throws: PersonalDataError.self) { try keys.openKey(Array(kept.dropLast()), of: alice) }
    }

    @Test func anotherMasterKeyOpensNothing() throws {
        let other = try PersonalDataKeys(masterKey: "another master key of this test, 32 bytes")
        let (_, kept) = try keys.makeKey(of: alice)
        #expect(throws: PersonalDataError.self) { try other.openKey(kept, of: alice) }
        #expect(keys.index(ofEmail: "a@b.example") != other.index(ofEmail: "a@b.example"))
        #expect(throws: PersonalDataError.self) { try PersonalDataKeys(masterKey: "short") }
    }

    @Test func anAddressIsFoundHoweverItIsWritten() {
        #expect(keys.index(ofEmail: " Alice@Example.COM\n") == keys.index(ofEmail: "alice@example.com"))
        #expect(keys.index(ofEmail: "alice@example.com") != keys.index(ofEmail: "alise@example.com"))
    }

    @Test func nothingOfAKeyIsPrinted() throws {
        let (key, _) = try keys.makeKey(of: alice)
        #expect("\(keys) \(key)" == "PersonalDataKeys *** PersonKey ***")
    }
}
