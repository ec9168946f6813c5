/// What the stories of all people come to.
struct QueueSummary {
    /// Waits that are shorter say nothing of an estimate in whole seconds, at rounds of a second.
    private static let shortestMs: Int64 = 3000

    /// How the stories ended, and how often.
    let counts: [String: Int]
    /// Stories with an estimate to compare.
    let estimates: Int
    /// Share of those that came true, within 30 % or a second.
    let estimatesWithin30Percent: Double
    /// Whether nobody bought who had joined after somebody who did not.
    let inOrder: Bool
    private let turnsToldMs: [Int64]

    init(_ stories: [QueueCrowd.Story]) {
        counts = Dictionary(stories.map { ($0.ending, 1) }, uniquingKeysWith: +)
        turnsToldMs = stories.compactMap(\.turnToldMs).sorted()
        let compared = stories.compactMap { story -> Bool? in
            guard let estimate = story.estimate, let admitted = story.admittedAtMs, admitted - story.joinedAtMs >= Self.shortestMs else { return nil }
            let (told, actual) = (Double(estimate) * 1000, Double(admitted - story.joinedAtMs))
            return abs(told - actual) <= max(actual * 0.3, 1000)
        }
        estimates = compared.count
        estimatesWithin30Percent = compared.isEmpty ? 1 : Double(compared.count { $0 }) / Double(compared.count)
        let lastServed = stories.filter { $0.admittedAtMs != nil }.map(\.joinedAtMs).max() ?? 0
        let firstUnserved = stories.filter { $0.admittedAtMs == nil }.map(\.joinedAtMs).min() ?? .max
        inOrder = lastServed <= firstUnserved
    }

    /// - Parameter quantile: 0 to 1.
    func turnTold(_ quantile: Double) -> Double {
        if turnsToldMs.isEmpty { return 0 }
        return Double(turnsToldMs[min(turnsToldMs.count - 1, Int(Double(turnsToldMs.count) * quantile))])
    }
}
