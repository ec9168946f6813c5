import Domain
import Testing

@Suite struct PaymentRequestTests {
    private static let booking = "01890000-0000-7000-8000-000000000000"
    private static let other = "471ecd7a-d329-881a-8f2a-40e2dcdf1c41"
    /// What nobody may ever see again.
    static let cardNumbers = [
        "4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "378282246310005", "3782 822463 10005", "6304000000000000000",
        "601100099013",
        "pm_4242424242424242", "card 4242.4242.4242.4242", "tok_4242_4242_4242_4242", "4242\t4242\t4242\t4242", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "4242–4242–4242–4242",
    ]

    private func payment(_ rest: String) -> [UInt8] { Array(#"{"booking_id":"\#(Self.booking)"\#(rest)}"#.utf8) }

    private func reserve(_ payment: String) -> [UInt8] {
        let id = Self.other
        return Array(#"{"event_id":"\#(id)","show_id":"\#(id)","zone_id":"\#(id)","quantity":1,"payment":\#(payment)}"#.utf8)
    }

    @Test(arguments: ["card", "bank_transfer", "wallet"])
    func takesEveryMethod(_ method: String) throws {
        let request = try PaymentRequest(json: payment(#","method":"\#(method)","payment_token":"pm_card_visa""#))
        #expect(request.booking.description == Self.booking)
        #expect(request.means.method.rawValue == method && request.means.token == "pm_card_visa")
    }

    @Test(arguments: [
        "pm_card_visa", "tok_1N3T00LkdIwHu7ixt44h1F8k", "pm_card_visa_chargeDeclined", "src_a-b_c", "p_1", "pm_" + String(repeating: "a", count: 125),
    ])
    func takesTheGatewaysTokens(_ token: String) throws {
        #expect(try PaymentMeans(method: .card, token: token).token == token)
    }

    @Test(arguments: [
        "", "pm", "pm_", "_pm", "card visa", "pm card_visa", "pm_cárd", "pm_\u{0}", "1pm_x", "p-m_x", "pm_a\nb", "pm_<script>",
        "pm_" + String(repeating: "a", count: 126),
    ])
    func refusesWhatIsNoToken(_ token: String) {
        let failure = #expect(throws: ValidationFailure.self) { try PaymentMeans(method: .card, token: token) }
        #expect(failure?.faults.map(\.field) == ["payment_token"])
    }

    @Test(arguments: cardNumbers)
    func cardNumberIsRefusedAndNotRepeated(_ number: String) {
        let escaped = number.replacing("\t", with: "\\t")
        let bodies: [(field: String, check: () throws -> Void)] = [
            ("payment_token", { _ = try PaymentRequest(json: payment(#","method":"card","payment_token":"\#(escaped)""#)) }),
            ("payment_token", { _ = try ConfirmRequest(json: Array(#"{"payment_token":"\#(escaped)"}"#.utf8), defaultToken: nil) }),
            ("payment.payment_token", { _ = try ReserveRequest(json: reserve(#"{"method":"card","payment_token":"\#(escaped)"}"#)) }),
        ]
        for (field, check) in bodies {
            let failure = #expect(throws: ValidationFailure.self) { try check() }
            #expect(failure?.faults.map(\.field) == [field])
            #expect(failure?.faults.allSatisfy { $0.reason.contains("card number") && !$0.reason.contains { $0.isNumber } } == true)
        }
    }

    @Test func cardNumberInTheMethodIsNotRepeated() {
        let failure = #expect(throws: ValidationFailure.self) {
            try PaymentRequest(json: payment(#","method":"4242424242424242","payment_token":"pm_card_visa""#))
        }
        #expect(failure?.faults.map(\.field) == ["method"])
        #expect(failure.map { "\($0)".contains("4242") } == false)
    }

    @Test func tokenIsNotPrinted() throws {
        let request = try PaymentRequest(json: payment(#","method":"card","payment_token":"pm_card_visa""#))
        #expect(!"\(request)".contains("pm_card") && !String(reflecting: request).contains("pm_card"))
    }

    @Test(arguments: [
        ("", ["method", "payment_token"]), (#","method":"card""#, ["payment_token"]), (#","payment_token":"pm_x""#, ["method"]),
        (#","method":"cash","payment_token":"pm_x""#, ["method"]), (#","method":"Card","payment_token":"pm_x""#, ["method"]),
        (#","method":1,"payment_token":"pm_x""#, ["method"]), (#","method":"card","payment_token":7"#, ["payment_token"]),
        (#","method":"card","payment_token":null"#, ["payment_token"]), (#","method":"card","payment_token":{}"#, ["payment_token"]),
        (#","method":"card","payment_token":"pm_x","amount_minor":1"#, ["amount_minor"]),
        (#","method":"card","payment_token":"pm_x","card":{"number":1}"#, ["card"]),
    ])
    func namesTheFieldsAtFault(_ rest: String, _ fields: [String]) {
        let failure = #expect(throws: ValidationFailure.self) { try PaymentRequest(json: payment(rest)) }
        #expect(failure?.faults.map(\.field) == fields)
    }

    @Test(arguments: ["{}", #"{"booking_id":"x"}"#, #"{"booking_id":7}"#, #"{"booking_id":null}"#])
    func bookingIsRequired(_ text: String) {
        let failure = #expect(throws: ValidationFailure.self) { try PaymentRequest(json: Array(text.utf8)) }
        #expect(failure?.faults.first?.field == "booking_id")
    }

    @Test(arguments: ["", "nope", "[]", "null", "{", #"{"booking_id":"# + #""a"}{}"#])
    func refusesWhatIsNoObject(_ text: String) {
        #expect(throws: ValidationFailure.self) { try PaymentRequest(json: Array(text.utf8)) }
    }

    @Test func confirmPaysByCardWithTheDefaultToken() throws {
        #expect(try ConfirmRequest(json: [], defaultToken: "pm_default").means == PaymentMeans(method: .card, token: "pm_default"))
        #expect(try ConfirmRequest(json: Array("{}".utf8), defaultToken: "pm_default").means.token == "pm_default")
        let own = try ConfirmRequest(json: Array(#"{"method":"wallet","payment_token":"pm_own"}"#.utf8), defaultToken: "pm_default")
        #expect(try own.means == PaymentMeans(method: .wallet, token: "pm_own"))
        for text in ["", "{}", #"{"method":"card"}"#] {
            let failure = #expect(throws: ValidationFailure.self) { try ConfirmRequest(json: Array(text.utf8), defaultToken: nil) }
            #expect(failure?.faults.map(\.field) == ["payment_token"])
        }
        let unknown = #expect(throws: ValidationFailure.self) { try ConfirmRequest(json: Array(#"{"booking_id":"x"}"#.utf8), defaultToken: "pm_x") }
        #expect(unknown?.faults.map(\.field) == ["booking_id"])
    }

    @Test func reserveTakesAPayment() throws {
        let means = try ReserveRequest(json: reserve(#"{"method":"card","payment_token":"pm_card_visa"}"#)).payment
        #expect(try means == PaymentMeans(method: .card, token: "pm_card_visa"))
        #expect(try ReserveRequest(json: reserve("null")).payment == nil)
    }

    @Test(arguments: [
        ("1", ["payment"]), ("[]", ["payment"]), ("{}", ["payment.method", "payment.payment_token"]),
        (#"{"method":"card"}"#, ["payment.payment_token"]), (#"{"method":"x","payment_token":"pm_x"}"#, ["payment.method"]),
        (#"{"method":"card","payment_token":"pm_x","amount":1}"#, ["payment.amount"]),
    ])
    func reserveNamesThePaymentsFieldAtFault(_ payment: String, _ fields: [String]) {
        let failure = #expect(throws: ValidationFailure.self) { try ReserveRequest(json: reserve(payment)) }
        #expect(failure?.faults.map(\.field) == fields)
    }

    @Test func emptyBodyHasNoMembers() throws {
        try EmptyRequest.check(json: [])
        try EmptyRequest.check(json: Array(" {} ".utf8))
        for text in ["[]", #"{"a":1}"#, "x"] { #expect(throws: ValidationFailure.self) { try EmptyRequest.check(json: Array(text.utf8)) } }
    }
}
