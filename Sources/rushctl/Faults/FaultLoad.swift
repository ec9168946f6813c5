import Foundation
import LocalStack
import Synchronization

/// People who come at a steady pace, each with a booking of one of the ways.
final class FaultLoad: Sendable {
    /// People under way; beyond it nobody comes.
    private static let most = 300

    private struct State {
        var stories: [FaultBuyer.Story] = []
        var underWay = 0
        var isStopped = false
    }

    private let installation: Installation
    private let place: JourneyBuyer.Place
    /// Of the event with a waiting room, to which every fifth comes.
    private let line: JourneyBuyer.Place
    private let perSecond: Int
    private let seed: UInt64
    private let state = Mutex(State())

    init(installation: Installation, place: JourneyBuyer.Place, line: JourneyBuyer.Place, perSecond: Int, seed: UInt64) {
        self.installation = installation
        self.place = place
        self.line = line
        self.perSecond = perSecond
        self.seed = seed
    }

    var stories: [FaultBuyer.Story] { state.withLock { $0.stories } }

    func stop() { state.withLock { $0.isStopped = true } }

    /// Runs until stopped, and until everybody who came has their answers.
    func run() async throws {
        var random = SeededRandom(seed: seed &+ 1)
        let probe = try installation.stack.probe()
        let admin = probe.bearer(try await installation.token(role: .admin))
        let start = ContinuousClock.now
        try await withThrowingDiscardingTaskGroup { group in
            var number = 0
            while !state.withLock({ $0.isStopped }) {
                // Paced by the clock: a steady load is one that does not wait for its answers.
                try? await Task.sleep(until: start + .seconds(1) * number / perSecond)
                if state.withLock({ $0.underWay >= Self.most }) { continue }
                let way = FaultBuyer.Way.allCases.randomElement(using: &random) ?? .pay
                var buyer = FaultBuyer(
                    probe: probe.bearer(try await installation.token()), admin: admin, place: number % 5 == 0 ? line : place, number: number, way: way
                )
                if number % 5 == 0 { buyer.isWorthWaiting = { !self.state.withLock(\.isStopped) } }
                number += 1
                state.withLock { $0.underWay += 1 }
                group.addTask {
                    let story = await buyer.run()
                    self.state.withLock { state in
                        state.underWay -= 1
                        state.stories.append(story)
                    }
                }
            }
        }
    }
}
