import Testing

@testable import Lag

struct LagHistoryTests {
    private func observation(_ atMs: Int64, _ committed: Int64?, _ end: Int64) -> LagObservation {
        LagObservation(atMs: atMs, committed: committed, end: end, messages: end - (committed ?? 0))
    }

    @Test func movementBetweenObservationsIsACommit() {
        var history = LagHistory()
        history.observe(observation(1000, 5, 10))
        #expect(history.commits.isEmpty)
        history.observe(observation(2000, 7, 10))
        #expect(history.commits == [LagCommit(atMs: 2000, offset: 7)])
        history.observe(observation(3000, 7, 10))
        #expect(history.commits.count == 1)
    }

    @Test func commitsCloseTogetherAreOneUnlessTheyGoBack() {
        var history = LagHistory()
        for number in 0..<100 { history.add(LagCommit(atMs: 1000 + Int64(number), offset: Int64(number)), spacingMs: 1000) }
        #expect(history.commits.count == 2)
        #expect(history.commits.last?.offset == 99)
        history.add(LagCommit(atMs: 1101, offset: 3), spacingMs: 1000)
        history.add(LagCommit(atMs: 1102, offset: 4), spacingMs: 1000)
        #expect(history.commits.map(\.offset).contains(99))
        #expect(history.commits.map(\.offset).contains(3))
    }

    @Test func ratesAreGrowthBetweenTheFirstAndTheLastObservation() {
        var history = LagHistory()
        history.observe(observation(1000, 5, 10))
        #expect(history.rate(\.end) == nil)
        history.observe(observation(3000, 5, 30))
        #expect(history.rate(\.end) == 10)
        #expect(history.rate(\.committed) == 0)
        history.observe(observation(5000, 1, 30))
        #expect(history.rate(\.committed) == nil)
    }

    @Test func ofWhatIsBeforeTheWindowOneObservationStays() {
        var history = LagHistory()
        for second in 1...10 { history.observe(observation(Int64(second) * 1000, Int64(second), 20)) }
        history.forget(beforeMs: 6500)
        #expect(history.observations.map(\.atMs) == [6000, 7000, 8000, 9000, 10_000])
        #expect(history.commits.first?.atMs == 6000)
    }

    @Test func aTopicMadeAnewBeginsANewHistory() {
        var history = LagHistory()
        history.observe(observation(1000, 50, 100))
        history.observe(observation(2000, 60, 100))
        history.observe(observation(3000, nil, 3))
        #expect(history.observations.count == 1)
        #expect(history.commits.isEmpty)
    }
}
