import Domain
import Testing

struct SagaTests {
    /// Every step that the saga has.
    static let legal: [(SagaState, SagaEvent, SagaState)] = [
        (.created, .intentMade, .reserved), (.created, .holdEnded, .failed), (.created, .declined, .failed), (.created, .calledOff, .failed),
        (.reserved, .captured, .paid), (.reserved, .declined, .failed), (.reserved, .calledOff, .failed),
        (.paid, .seatsSold, .confirmed), (.paid, .holdEnded, .compensating),
        (.compensating, .givenBack, .failed),
    ]

    @Test(arguments: legal) func everyStepLeadsWhereItShould(state: SagaState, event: SagaEvent, next: SagaState) throws {
        #expect(try state.after(event) == next)
    }

    @Test func everyOtherStepIsRefusedAndNamed() {
        for state in SagaState.allCases {
            for event in SagaEvent.allCases where !Self.legal.contains(where: { $0.0 == state && $0.1 == event }) {
                let refusal = #expect(throws: IllegalSagaTransition.self) { try state.after(event) }
                #expect(refusal?.state == state)
                #expect(refusal?.event == event)
                #expect(refusal?.description.contains(state.rawValue) == true)
            }
        }
    }

    @Test func nothingFollowsAnEndAndEverythingElseHasASuccessor() {
        for state in SagaState.allCases {
            #expect(state.isFinal == !Self.legal.contains { $0.0 == state })
        }
    }

    /// Money moves only in `reserved`, and what was captured ends in a sale or goes back.
    @Test func noPathKeepsMoneyWithoutASeat() {
        func walk(_ state: SagaState, captured: Bool, depth: Int) {
            if state == .failed { #expect(!captured) }
            if state == .confirmed { #expect(captured) }
            if depth == 0 { return }
            for (from, event, next) in Self.legal where from == state {
                walk(next, captured: event == .captured || (captured && event != .givenBack), depth: depth - 1)
            }
        }
        walk(.created, captured: false, depth: 6)
    }
}
