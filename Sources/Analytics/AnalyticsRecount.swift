import Domain
import KafkaClient

/// Counts messages again, without PostgreSQL: what the tables should have.
struct AnalyticsRecount {
    /// Stands for an id; two different ids practically never have the same.
    struct Digest: Hashable {
        private let halves: [Int]

        init(_ month: Month, _ id: String) {
            halves = [0, 1].map { salt in
                var hasher = Hasher()
                hasher.combine(salt)
                hasher.combine(month)
                hasher.combine(id)
                return hasher.finalize()
            }
        }
    }

    /// The first month that counts.
    let first: Month
    /// A fingerprint of each row.
    private(set) var rows: [Digest: Int] = [:]
    private(set) var minutes: [FigureKey: Figures] = [:]
    private(set) var days: [FigureKey: Figures] = [:]
    /// Messages that were counted before.
    private(set) var copies: Int64 = 0
    /// Messages that cannot be read; the worker has them in its DLQ.
    private(set) var unreadable: Int64 = 0

    init(first: Month) {
        self.first = first
    }

    /// Takes a message; of those with one id the first counts.
    /// - Returns: what it told, if that is kept, and whether there was one with its id before.
    mutating func add(_ message: KafkaMessage) -> (event: AnalyticsEvent, isCopy: Bool)? {
        guard let event = try? AnalyticsEvent(message) else {
            unreadable += 1
            return nil
        }
        let month = Month(event.at)
        guard month >= first else { return nil }
        let digest = Digest(month, event.id)
        guard rows[digest] == nil else {
            copies += 1
            return (event, true)
        }
        rows[digest] = Self.fingerprint(event)
        if let minute = event.minute {
            var figures = Figures()
            figures.count(event.type, 1, quantity: event.quantity, amountMinor: event.amountMinor)
            if !figures.isEmpty {
                minutes[minute, default: Figures()] += figures
                days[minute.day, default: Figures()] += figures
            }
        }
        return (event, false)
    }

    static func fingerprint(_ event: AnalyticsEvent) -> Int {
        fingerprint(
            type: event.type, tenant: event.tenant.description, event: event.event?.description, atMs: event.at.ms, quantity: event.quantity,
            amountMinor: event.amountMinor, currency: event.currency, value: String(decoding: event.value, as: UTF8.self))
    }

    static func fingerprint(
        type: String, tenant: String, event: String?, atMs: Int64, quantity: Int64, amountMinor: Int64, currency: String, value: String
    ) -> Int {
        var hasher = Hasher()
        hasher.combine(type)
        hasher.combine(tenant)
        hasher.combine(event)
        hasher.combine(atMs)
        hasher.combine(quantity)
        hasher.combine(amountMinor)
        hasher.combine(currency)
        hasher.combine(value)
        return hasher.finalize()
    }
}
