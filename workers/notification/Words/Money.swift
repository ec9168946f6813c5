import Tickets

/// Amounts as people read them.
enum Money {
    /// Minor units of an ISO 4217 currency: `THB 3,000.00`, in Thai `3,000.00 บาท`.
    static func text(minor: Int64, currency: String, locale: TicketLocale) -> String {
        let digits = digits(of: currency)
        let unit = (0..<digits).reduce(Int64(1)) { value, _ in value * 10 }
        let (whole, rest) = minor.magnitude.quotientAndRemainder(dividingBy: unit.magnitude)
        var text = grouped(whole)
        if digits > 0 {
            let fraction = String(rest)
            text += "." + String(repeating: "0", count: digits - fraction.count) + fraction
        }
        if minor < 0 { text = "-" + text }
        return locale == .th && currency == "THB" ? "\(text) บาท" : "\(currency) \(text)"
    }

    /// Digits after the point (ISO 4217, table A.1); two for all that are not named here.
    private static func digits(of currency: String) -> Int {
        switch currency {
        case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF": 0
        case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
        default: 2
        }
    }

    private static func grouped(_ number: UInt64) -> String {
        var digits = String(number)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }
}
