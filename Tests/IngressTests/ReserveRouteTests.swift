import Testing

@testable import Ingress

@Suite struct ReserveRouteTests {
    @Test func whatOneAccountCanRepeatIsNoArrival() {
        #expect(!ReserveRoute.isArrival(.rateLimited(retryAfterMs: 1)) && !ReserveRoute.isArrival(.keyReused))
        #expect(ReserveRoute.isArrival(.outOfStock(available: 0)) && ReserveRoute.isArrival(.overLimit(limit: 4, alreadyHeld: 4)))
    }
}
