import Domain
import Testing

@testable import Ingress

@Suite struct WaitersTests {
    private let resource = UUIDBits(high: 1, low: 2)

    private func with(_ body: (Waiters) async throws -> Void) async throws {
        let waiters = Waiters()
        let ticking = Task { try await waiters.run() }
        try await body(waiters)
        ticking.cancel()
    }

    @Test func aChangeBetweenSubscribingAndWaitingIsNotLost() async throws {
        try await with { waiters in
            let subscription = try #require(waiters.subscribe(resource))
            waiters.wake([resource])
            #expect(await waiters.wait(subscription, until: .now + .seconds(10)))
            waiters.end(subscription)
            #expect(waiters.count == 0)
        }
    }

    @Test func onlyThoseWhoWatchAreWoken() async throws {
        try await with { waiters in
            let one = try #require(waiters.subscribe(resource))
            let other = try #require(waiters.subscribe(UUIDBits(high: 3, low: 4)))
            async let first = waiters.wait(one, until: .now + .seconds(10))
            async let second = waiters.wait(other, until: .now + .milliseconds(200))
            waiters.wake([resource])
            #expect(await first)
            #expect(await second == false)
        }
    }

    @Test func theyGetNothingMoreThanTheLimit() {
        let waiters = Waiters()
        var subscriptions: [Waiters.Subscription] = []
        for number in 0..<Waiters.limit {
            if let subscription = waiters.subscribe(UUIDBits(high: 0, low: UInt64(number))) { subscriptions.append(subscription) }
        }
        #expect(subscriptions.count == Waiters.limit)
        #expect(waiters.subscribe(resource) == nil)
        waiters.end(subscriptions[0])
        #expect(waiters.subscribe(resource) != nil)
    }
}
