/// How somebody wants to pay: the method and the gateway's token, in the place of what only the gateway may know.
public struct PaymentMeans: Equatable, Sendable, CustomStringConvertible {
    /// Longest token, in bytes.
    public static let longestToken = 128
    /// Digits of a card number (ISO/IEC 7812-1 allows 8 to 19; shorter than 12 is no payment card in use).
    private static let cardNumberDigits = 12...19

    public let method: PaymentMethod
    /// Given by the gateway to the buyer's page, such as `pm_card_visa`.
    public let token: String

    /// - Throws: what is wrong with the token, without the token.
    public init(method: PaymentMethod, token: String) throws(ValidationFailure) {
        if let fault = Self.fault(inToken: token) { throw ValidationFailure(faults: [.init(field: "payment_token", reason: fault)]) }
        self.method = method
        self.token = token
    }

    /// The token is nobody's business.
    public var description: String { "\(method.rawValue) ***" }

    /// What is wrong with a token, `nil` when nothing is. It never repeats the token: that may be a card number.
    static func fault(inToken token: String) -> String? {
        if looksLikeCardNumber(token) { return "looks like a card number; card numbers are not accepted here, only the gateway's tokens" }
        let isName = token.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        let prefix = token.utf8.prefix { $0 != UInt8(ascii: "_") }
        let hasPrefix = !prefix.isEmpty && prefix.allSatisfy { ($0 | 0x20) &- UInt8(ascii: "a") < 26 } && prefix.count + 1 < token.utf8.count
        guard isName, hasPrefix, token.utf8.count <= longestToken else {
            return "must be a gateway token such as pm_…: letters, digits, _ and -, at most \(longestToken) in all"
        }
        return nil
    }

    /// Whether there is a row of digits as long as a card number's in it, with or without separators between them.
    static func looksLikeCardNumber(_ text: String) -> Bool {
        var count = 0
        for scalar in text.unicodeScalars {
            if scalar.properties.numericType == .decimal {
                count += 1
            } else if !isSeparator(scalar) {
                if cardNumberDigits.contains(count) { return true }
                count = 0
            }
        }
        return cardNumberDigits.contains(count)
    }

    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "-", "_", ".", ",", "/", "\t": true
        default: scalar.properties.isWhitespace || scalar.properties.isDash
        }
    }
}

extension PaymentMeans {
    /// The two members as they stand in a body, not yet checked.
    struct Fields {
        private var method: String?
        private var token: String?

        /// Takes a member, and says whether it was one of the two.
        mutating func take(_ key: String, _ value: inout JSONReader) throws(JSONError) -> Bool {
            switch key {
            case "method": if !value.null() { method = try value.string() }
            case "payment_token": if !value.null() { token = try value.string() }
            default: return false
            }
            return true
        }

        /// - Parameters:
        ///   - faults: gets what is wrong.
        ///   - prefix: goes before the names of the fields in faults.
        ///   - defaultMethod: counts where the body names none; `nil` makes it a required field.
        ///   - defaultToken: likewise.
        func validated(
            _ faults: inout [ValidationFailure.Fault], prefix: String = "", defaultMethod: PaymentMethod? = nil, defaultToken: String? = nil
        ) -> PaymentMeans? {
            var chosen = defaultMethod
            if let method {
                chosen = PaymentMethod(rawValue: method)
                if chosen == nil {
                    let known = PaymentMethod.allCases.map(\.rawValue).joined(separator: ", ")
                    faults.append(.init(field: prefix + "method", reason: "must be one of \(known)"))
                }
            } else if chosen == nil {
                faults.append(.init(field: prefix + "method", reason: "is required"))
            }
            guard let token = token ?? defaultToken else {
                faults.append(.init(field: prefix + "payment_token", reason: "is required"))
                return nil
            }
            if let fault = PaymentMeans.fault(inToken: token) {
                faults.append(.init(field: prefix + "payment_token", reason: fault))
                return nil
            }
            return chosen.map { PaymentMeans(checked: $0, token) }
        }
    }

    private init(checked method: PaymentMethod, _ token: String) {
        self.method = method
        self.token = token
    }
}
