import Domain
import Testing

struct RefundTests {
    private static let day: Int64 = 86_400_000

    @Test(
        arguments: [
            (30 * day, 100), (7 * day + 1, 100), (7 * day, 50), (5 * day, 50), (3 * day, 50), (3 * day - 1, 0), (1, 0), (0, 0), (-day, 0),
        ] as [(Int64, Int64)]) func theShareFollowsTheTimeLeft(left: Int64, percent: Int64)
    {
        #expect(RefundRules.percent(showStarts: Timestamp(ms: 1_800_000_000_000), requestedAt: Timestamp(ms: 1_800_000_000_000 - left)) == percent)
    }

    @Test(
        arguments: [
            (100, 12_345, 12_345), (50, 101, 51), (50, 100, 50), (50, 1, 1), (0, 999, 0), (10, 4, 0), (10, 5, 1), (10, 150_000, 15_000), (100, 0, 0),
            (50, Int64.max, Int64.max / 2 + 1), (100, Int64.max, Int64.max),
        ] as [(Int64, Int64, Int64)]) func aShareIsRoundedOnceHalfUpAndNeverOverflows(percent: Int64, amount: Int64, share: Int64)
    {
        #expect(RefundRules.share(percent, of: amount) == share)
    }

    @Test func aShareIsNeverMoreThanTheWhole() {
        for amount in Int64(0)..<300 {
            for percent in Int64(0)...100 { #expect((0...amount).contains(RefundRules.share(percent, of: amount))) }
        }
    }

    @Test func aRefundEndsOnceAndInOrder() {
        let legal: [(RefundStatus, RefundStatus)] = [
            (.requested, .processing), (.requested, .rejected), (.processing, .succeeded), (.processing, .failed),
        ]
        for from in RefundStatus.allCases {
            for to in RefundStatus.allCases {
                #expect(to.predecessors.contains(from) == legal.contains { $0 == (from, to) }, "\(from) to \(to)")
            }
            #expect(from.isFinal == !legal.contains { $0.0 == from })
        }
    }
}
