import Lag
import Testing
import Topics

@testable import Fleet

struct FleetReadingLagTests {
    private func part(_ partition: Int32, _ topic: Topic = .paymentCommands, messages: Int64?, seconds: Double? = nil) -> PartitionLag {
        PartitionLag(group: "payment", topic: topic.name, partition: partition, messages: messages, seconds: seconds, rateIn: 2, rateOut: 1)
    }

    private let plan = FleetPlan(workers: [
        WorkerPlan(name: "pay", group: "payment", topics: [.paymentCommands], messages: 1000, seconds: 30),
        WorkerPlan(name: "expiry", topics: [.bookingCommands], messages: 500),
    ])

    @Test func sumsAreThoseOfTheTopicsThatCount() {
        let lag = GroupLag(
            group: "payment",
            partitions: [part(0, messages: 3, seconds: 1.5), part(1, messages: 4, seconds: 9), part(0, .paymentRetry1, messages: 100, seconds: 50)])
        let reading = plan.readings([lag])["pay"]
        #expect(reading == FleetReading(messages: 7, seconds: 9, arrivals: 4, departures: 2, partitions: 2))
    }

    @Test func whatIsUnknownIsNeverZero() {
        #expect(plan.readings([])["pay"] == nil)
        #expect(plan.readings([GroupLag(group: "payment", missing: ["payment.commands"])])["pay"] == nil)
        #expect(plan.readings([GroupLag(group: "payment", partitions: [part(0, messages: nil), part(1, messages: nil)])])["pay"] == nil)
        let holes = plan.readings([GroupLag(group: "payment", partitions: [part(0, messages: 3), part(1, messages: nil)])])["pay"]
        #expect(holes?.isComplete == false && holes?.messages == 3 && holes?.partitions == 2)
    }

    @Test func aPartitionThatNobodyHasReadYetHasNoDepartures() {
        var fresh = part(1, messages: 4)
        fresh.rateOut = nil
        #expect(plan.readings([GroupLag(group: "payment", partitions: [part(0, messages: 3), fresh])])["pay"]?.departures == 1)
        fresh.committed = 7
        #expect(plan.readings([GroupLag(group: "payment", partitions: [part(0, messages: 3), fresh])])["pay"]?.departures == nil)
    }

    @Test func theSamplerIsAskedForWhatTheFileNames() {
        let configuration = plan.lagConfiguration(bootstrapServers: "127.0.0.1:1")
        #expect(
            configuration.targets == [
                LagTarget(group: "payment", topics: ["payment.commands"]), LagTarget(group: "expiry", topics: ["booking.commands"]),
            ])
        #expect(configuration.readsTimes)
        #expect(!FleetPlan(workers: [plan.workers[1]]).lagConfiguration(bootstrapServers: "").readsTimes)
    }
}
