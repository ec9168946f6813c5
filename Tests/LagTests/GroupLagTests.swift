import Lag
import Testing
import Topics

struct GroupLagTests {
    private func part(_ number: Int32, messages: Int64?, seconds: Double? = 0, status: LagStatus = .ok) -> PartitionLag {
        PartitionLag(group: "g", topic: "t", partition: number, messages: messages, seconds: seconds, status: status)
    }

    @Test func oneUnknownPartMakesTheSumUnknown() {
        let known = GroupLag(group: "g", partitions: [part(0, messages: 3, seconds: 4), part(1, messages: 5, seconds: 9)])
        #expect(known.messages == 8)
        #expect(known.seconds == 9)
        #expect(known.isComplete)
        let unknown = GroupLag(group: "g", partitions: [part(0, messages: 3), part(1, messages: nil, seconds: nil, status: .unknown)])
        #expect(unknown.messages == nil)
        #expect(unknown.seconds == nil)
        #expect(unknown.status == .unknown)
        #expect(!unknown.isComplete)
    }

    @Test func aMissingTopicAndNoPartitionsAreUnknown() {
        let missing = GroupLag(group: "g", partitions: [part(0, messages: 0)], missing: ["u"])
        #expect(missing.messages == nil)
        #expect(missing.status == .unknown)
        #expect(missing.only(topics: ["t"]).messages == 0)
        #expect(GroupLag(group: "g").messages == nil)
        #expect(GroupLag(group: "g").status == .unknown)
    }

    @Test func theWorstPartSpeaksForTheGroup() {
        let lag = GroupLag(group: "g", partitions: [.ok, .stopped, .unknown, .warning].map { part(0, messages: 1, status: $0) })
        #expect(lag.status == .stopped)
    }

    @Test func everyDeclaredGroupIsAskedForWithAllThatItReads() throws {
        let targets = try LagTarget.declared()
        let payment = targets.first { $0.group == "payment" }?.topics ?? []
        #expect(payment.contains(Topic.paymentCommands.name))
        #expect(payment.contains("payment.retry.1"))
        #expect(!payment.contains("payment.dlq"))
        #expect(targets.first { $0.group == "inventory-sync" }?.topics?.contains(Topic.bookingEvents.name) == true)
        #expect(Set(targets.map(\.group)).count == targets.count)
    }
}
