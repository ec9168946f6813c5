import Testing
import Topics

@testable import Fleet

struct CopiesDecisionTests {
    private let start = ContinuousClock.now
    private let plan = WorkerPlan(name: "payment", topics: [.paymentCommands], messages: 1000, seconds: 30, arrivals: 400)

    private func decide(
        _ copies: Int, _ reading: FleetReading?, at seconds: Int = 0, memory: inout CopiesDecision.Memory, plan: WorkerPlan? = nil
    ) -> CopiesDecision {
        .decide(plan ?? self.plan, copies: copies, reading: reading, memory: &memory, now: start + .seconds(seconds))
    }

    private func once(_ copies: Int, _ reading: FleetReading?, plan: WorkerPlan? = nil) -> CopiesDecision {
        var memory = CopiesDecision.Memory()
        return decide(copies, reading, memory: &memory, plan: plan)
    }

    @Test(arguments: [(0, 2), (1, 2), (2000, 2), (2001, 3), (3000, 3), (9_999, 10), (10_001, 10), (5_000_000_000, 10)])
    func wantedIsTheLagDividedByTheFigureRoundedUpWithinTheLimits(_ messages: Int64, _ wanted: Int) {
        let decision = once(2, FleetReading(messages: messages))
        #expect(decision.wanted == wanted && decision.copies == wanted)
        #expect(decision.reason == (wanted > 2 ? .messages : .enough))
    }

    @Test func theGreatestOfTheFiguresCounts() {
        #expect(once(2, FleetReading(messages: 10, seconds: 91)) == CopiesDecision(wanted: 4, copies: 4, reason: .seconds))
        #expect(once(2, FleetReading(messages: 10, arrivals: 1_900)) == CopiesDecision(wanted: 5, copies: 5, reason: .arrivals))
        #expect(
            once(2, FleetReading(messages: 6_000, seconds: 91, arrivals: 1_900)) == CopiesDecision(wanted: 6, copies: 6, reason: .messages))
    }

    @Test func secondsOfAnEmptyBacklogDoNotCount() {
        #expect(once(2, FleetReading(messages: 0, seconds: 500)).wanted == 2)
    }

    @Test func figuresThatAreNotInTheFileDoNotCount() {
        let plan = WorkerPlan(name: "ops", topics: [.opsCommands], messages: 500)
        #expect(once(2, FleetReading(messages: 1, seconds: 9_000, arrivals: 9_000), plan: plan).wanted == 2)
    }

    @Test func neverMoreThanOneForEachPartition() {
        #expect(once(2, FleetReading(messages: 50_000, partitions: 3)) == CopiesDecision(wanted: 3, copies: 3, reason: .messages))
        #expect(once(5, FleetReading(messages: 50_000, partitions: 3)) == CopiesDecision(wanted: 3, copies: 3, reason: .maximum))
        // Not even for the minimum.
        #expect(once(1, FleetReading(messages: 0, partitions: 1)) == CopiesDecision(wanted: 1, copies: 1, reason: .enough))
        #expect(once(1, FleetReading(messages: 0, partitions: 0)).copies == 1)
    }

    @Test func fewerThanTheMinimumBecomeTheMinimumAtOnce() {
        #expect(once(0, FleetReading(messages: 0)) == CopiesDecision(wanted: 2, copies: 2, reason: .minimum))
        #expect(once(1, nil) == CopiesDecision(wanted: nil, copies: 2, reason: .minimum))
        #expect(once(1, FleetReading(messages: 4_500)) == CopiesDecision(wanted: 5, copies: 5, reason: .messages))
    }

    @Test func moreThanTheMaximumBecomeTheMaximumAtOnce() {
        #expect(once(12, FleetReading(messages: 0)) == CopiesDecision(wanted: 2, copies: 10, reason: .maximum))
    }

    @Test func moreComeAtOnceAlsoRightAfterAChange() {
        var memory = CopiesDecision.Memory()
        #expect(decide(2, FleetReading(messages: 2_500), at: 0, memory: &memory).copies == 3)
        #expect(decide(3, FleetReading(messages: 9_500), at: 1, memory: &memory).copies == 10)
    }

    @Test func oneGoesAfterACoolDownAndTheNextAfterAnother() {
        var memory = CopiesDecision.Memory()
        #expect(decide(2, FleetReading(messages: 3_500), at: 0, memory: &memory).copies == 4)
        let empty = FleetReading(messages: 0)
        #expect(decide(4, empty, at: 10, memory: &memory) == CopiesDecision(wanted: 2, copies: 4, reason: .coolingDown))
        #expect(decide(4, empty, at: 69, memory: &memory).copies == 4)
        #expect(decide(4, empty, at: 70, memory: &memory) == CopiesDecision(wanted: 2, copies: 3, reason: .calm))
        #expect(decide(3, empty, at: 129, memory: &memory).reason == .coolingDown)
        #expect(decide(3, empty, at: 130, memory: &memory).copies == 2)
        #expect(decide(2, empty, at: 500, memory: &memory) == CopiesDecision(wanted: 2, copies: 2, reason: .enough))
    }

    @Test func theCoolDownStartsAnewWhenTheyWereWantedMeanwhile() {
        var memory = CopiesDecision.Memory()
        #expect(decide(4, FleetReading(messages: 0), at: 0, memory: &memory).reason == .coolingDown)
        #expect(decide(4, FleetReading(messages: 3_500), at: 50, memory: &memory).reason == .enough)
        #expect(decide(4, FleetReading(messages: 0), at: 55, memory: &memory).reason == .coolingDown)
        #expect(decide(4, FleetReading(messages: 0), at: 114, memory: &memory).reason == .coolingDown)
        #expect(decide(4, FleetReading(messages: 0), at: 115, memory: &memory).copies == 3)
    }

    @Test func anUnknownLagTakesNoneAway() {
        var memory = CopiesDecision.Memory()
        #expect(decide(4, FleetReading(messages: 0), at: 0, memory: &memory).reason == .coolingDown)
        for second in 1...200 {
            #expect(decide(4, nil, at: second, memory: &memory) == CopiesDecision(wanted: nil, copies: 4, reason: .unknownLag))
        }
        // And the time without knowing is no calm.
        #expect(decide(4, FleetReading(messages: 0), at: 201, memory: &memory).reason == .coolingDown)
        #expect(decide(4, FleetReading(messages: 0), at: 261, memory: &memory).copies == 3)
    }

    @Test func aReadingWithHolesMayAddButNotTakeAway() {
        var memory = CopiesDecision.Memory()
        let calm = FleetReading(messages: 0, isComplete: false)
        for second in [0, 100, 200] {
            #expect(decide(4, calm, at: second, memory: &memory) == CopiesDecision(wanted: 2, copies: 4, reason: .unknownLag))
        }
        #expect(decide(4, FleetReading(messages: 5_500, isComplete: false), at: 201, memory: &memory).copies == 6)
    }

    @Test func noneGoesWhileTheBacklogGrowsSoFastThatItWouldComeBack() {
        var memory = CopiesDecision.Memory()
        // 60 more a second: 3,600 in a cool-down, four copies' work.
        let growing = FleetReading(messages: 0, arrivals: 160, departures: 100)
        #expect(decide(4, growing, at: 0, memory: &memory) == CopiesDecision(wanted: 2, copies: 4, reason: .growing))
        #expect(decide(4, growing, at: 500, memory: &memory).reason == .growing)
        let steady = FleetReading(messages: 0, arrivals: 160, departures: 160)
        #expect(decide(4, steady, at: 501, memory: &memory).reason == .coolingDown)
        #expect(decide(4, steady, at: 561, memory: &memory).reason == .calm)
    }
}
