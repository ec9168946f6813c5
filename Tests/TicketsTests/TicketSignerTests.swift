import Domain
import Settings
import Testing
import Tickets

@Suite struct TicketSignerTests {
    private let signer: TicketSigner
    private let ticket = Ticket(
        booking: .make(nowMs: 1_800_000_000_000, shard: Shard(truncating: 7)), event: Self.id(), show: Self.id(), place: 3)

    init() throws {
        signer = try TicketSigner(secrets: [Self.secret("a")])
    }

    static func secret(_ letter: String) -> String { String(repeating: letter, count: 32) }
    static func id<Kind>() -> Identifier<Kind> { Identifier(UUIDBits(high: .random(in: .min ... .max), low: .random(in: .min ... .max))) }

    private func code(of text: String, by other: TicketSigner? = nil) -> TicketError.Code? {
        do {
            _ = try (other ?? signer).ticket(of: text)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func aCodeSaysWhatWasSigned() throws {
        for place in [0, 3, 99] {
            let ticket = Ticket(booking: ticket.booking, event: ticket.event, show: ticket.show, place: place)
            let code = signer.code(of: ticket)
            #expect(code.count == 107 && code.allSatisfy { $0.isASCII && ($0.isUppercase || $0.isNumber) })
            #expect(try signer.ticket(of: code) == ticket)
            #expect(try signer.ticket(of: " \(code.lowercased())\r\n") == ticket)
            #expect(signer.code(of: ticket) == code)
        }
    }

    @Test func aChangeOfAnyCharacterIsNoticed() throws {
        let code = Array(signer.code(of: ticket))
        for position in code.indices {
            for other in "A7Z" where other != code[position] {
                var changed = code
                changed[position] = other
                #expect(self.code(of: String(changed)) != nil, "\(position) \(other)")
            }
        }
    }

    @Test func everyBitOfASignatureCounts() throws {
        let code = signer.code(of: ticket)
        var seen: Set<TicketError.Code> = []
        // The last character of the base 32 is one of a few that leave no bits over.
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" where letter != code.last {
            seen.insert(try #require(self.code(of: String(code.dropLast()) + String(letter))))
        }
        #expect(seen.isSubset(of: [.badSignature, .malformed]))
    }

    @Test func whatIsNoCodeIsMalformed() {
        let code = signer.code(of: ticket)
        let texts = [
            "", "BR1", "hello", "BR2" + code.dropFirst(3), code + "A", String(code.dropLast()), code + code, String(repeating: "A", count: 10_000),
        ]
        for text in texts { #expect(self.code(of: text) == .malformed, "\(text.prefix(120))") }
    }

    @Test func anotherSecretIsNotOurs() throws {
        let other = try TicketSigner(secrets: [Self.secret("b")])
        #expect(code(of: signer.code(of: ticket), by: other) == .badSignature)
    }

    @Test func aSecretIsChangedWithoutMakingTicketsWorthless() throws {
        let changed = try TicketSigner(secrets: [Self.secret("b"), Self.secret("a")])
        #expect(try changed.ticket(of: signer.code(of: ticket)) == ticket)
        #expect(code(of: changed.code(of: ticket)) == .badSignature)
    }

    @Test func aLinkServesItsBookingUntilItsTimeIsOver() throws {
        let link = signer.link(to: ticket.booking, expires: Timestamp(ms: 2_000_000_000_999))
        let match = try #require(link.wholeMatch(of: /\/api\/v1\/bookings\/([^\/]+)\/ticket\?format=html&expires=(\d+)&signature=([A-Z2-7]+)/))
        let (expires, signature) = (String(match.2), String(match.3))
        #expect(match.1 == ticket.booking.description && expires == "2000000000")
        func refusal(_ booking: BookingID, _ expires: String, _ signature: String, ms: Int64) -> TicketError.Code? {
            do {
                try signer.check(link: booking, expires: expires, signature: signature, now: Timestamp(ms: ms))
                return nil
            } catch {
                return error.code
            }
        }
        #expect(refusal(ticket.booking, expires, signature, ms: 1_999_999_999_999) == nil)
        #expect(refusal(ticket.booking, expires, signature, ms: 2_000_000_000_000) == .expired)
        #expect(refusal(ticket.booking, "2000000001", signature, ms: 0) == .badSignature)
        #expect(refusal(.make(nowMs: 1, shard: Shard(truncating: 7)), expires, signature, ms: 0) == .badSignature)
        #expect(refusal(ticket.booking, expires, String(signature.dropLast(2)), ms: 0) != nil)
        #expect(refusal(ticket.booking, "-1", signature, ms: 0) == .malformed)
        #expect(refusal(ticket.booking, expires, "?", ms: 0) == .malformed)
        // Neither signature serves as the other.
        #expect(refusal(ticket.booking, expires, String(signer.code(of: ticket).suffix(26)), ms: 0) != nil)
    }

    @Test func aSecretThatIsUnfitIsRefusedByName() throws {
        for values in [
            [:], ["TICKET_SECRET": "short"], ["TICKET_SECRET": Self.secret("a") + ",short"],
            ["TICKET_SECRET": "development-" + Self.secret("a"), "ENVIRONMENT": "production"],
        ] {
            #expect { try TicketSigner(Settings(values)) } throws: { ($0 as? SettingsError)?.variable == "TICKET_SECRET" }
        }
        let two = try TicketSigner(Settings(["TICKET_SECRET": "\(Self.secret("b")), \(Self.secret("a"))", "ENVIRONMENT": "production"]))
        #expect(try two.ticket(of: signer.code(of: ticket)) == ticket)
        #expect("\(two)" == "TicketSigner ***")
    }
}
