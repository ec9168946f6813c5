import Foundation
import Testing
import Topics

@testable import Fleet

struct FleetPlanTests {
    private static let whole = """
        sample: 500ms
        drain: 1m
        workers:
          payment:
            group: pay
            topics: [payment.commands, booking.events]
            lag: {messages: 1000, seconds: 30, arrivals: 2.5}
            copies: {min: 3, max: 7}
            cool_down: 90s
            environment:
              PAYMENT_CONCURRENCY: 64
          expiry:
            topics: [booking.commands]
            lag: {messages: 500}
        """

    @Test func everyFieldIsRead() throws {
        let plan = try FleetPlan(yaml: Self.whole)
        #expect(plan.sample == .milliseconds(500) && plan.drain == .seconds(60))
        #expect(
            plan.workers == [
                WorkerPlan(
                    name: "payment", group: "pay", topics: [.paymentCommands, .bookingEvents], messages: 1000, seconds: 30, arrivals: 2.5, minimum: 3,
                    maximum: 7, coolDown: .seconds(90), environment: ["PAYMENT_CONCURRENCY": "64"]),
                WorkerPlan(name: "expiry", topics: [.bookingCommands], messages: 500),
            ])
        let expiry = plan.workers[1]
        #expect(expiry.group == "expiry" && expiry.minimum == 2 && expiry.maximum == 10 && expiry.coolDown == .seconds(60))
    }

    @Test(arguments: [
        ("sample: 500ms", "samples: 500ms", "line 1: samples is not known"),
        ("sample: 500ms", "sample: soon", "line 1: sample must be a time"),
        ("drain: 1m", "drain: 2h", "line 2: drain must be a time"),
        ("drain: 1m", "drain: 100m", "line 2: drain must be from"),
        ("  payment:", "  Payment_1:", "workers.Payment_1 is no worker's name"),
        ("group: pay", "grup: pay", "line 5: workers.payment.grup is not known"),
        ("group: pay", "group: [pay]", "line 5: workers.payment.group must be a text"),
        ("payment.commands", "payment.orders", "line 6: workers.payment.topics has payment.orders"),
        ("[payment.commands, booking.events]", "payment.commands", "line 6: workers.payment.topics must be a list"),
        ("messages: 1000", "messages: 0", "line 7: workers.payment.lag.messages must be a whole number from 1"),
        ("messages: 1000", "messages: many", "line 7: workers.payment.lag.messages must be a whole number"),
        ("messages: 1000, ", "", "line 7: workers.payment.lag.messages is missing"),
        ("seconds: 30", "seconds: -1", "line 7: workers.payment.lag.seconds must be a number from"),
        ("arrivals: 2.5", "rate: 2.5", "line 7: workers.payment.lag.rate is not known"),
        ("min: 3", "min: 8", "line 8: workers.payment.copies.min is 8, more than max, 7"),
        ("min: 3", "min: 0", "line 8: workers.payment.copies.min must be a whole number from 1"),
        ("{min: 3, max: 7}", "7", "line 8: workers.payment.copies must map"),
        ("cool_down: 90s", "cool_down: 90", "line 9: workers.payment.cool_down must be a time"),
        ("PAYMENT_CONCURRENCY", "payment", "line 11: workers.payment.environment.payment is no variable's name"),
        ("PAYMENT_CONCURRENCY", "WORKER_INSTANCE_ID", "line 11: workers.payment.environment.WORKER_INSTANCE_ID is set by the supervisor"),
        ("    lag: {messages: 500}", "", "workers.expiry.lag is missing"),
        ("  expiry:", "  payment:", "payment"),
    ])
    func whatCannotBeUsedIsNamedWithItsLine(_ text: String, _ other: String, _ message: String) {
        let error = #expect(throws: FleetError.self) { try FleetPlan(yaml: Self.whole.replacing(text, with: other)) }
        #expect(error?.code == .invalidFile)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "no error")")
    }

    @Test(arguments: ["", "workers:", "workers: {}", "- payment", "workers: [payment]", "workers:\n  payment:\n", "{"])
    func aFileWithoutWorkersIsRefused(_ yaml: String) {
        let error = #expect(throws: FleetError.self) { try FleetPlan(yaml: yaml) }
        #expect(error?.code == .invalidFile)
    }

    @Test func aFileThatIsNotThereIsNamed() {
        let error = #expect(throws: FleetError.self) { try FleetPlan(path: "/nowhere/fleet.yaml") }
        #expect(error?.description == "read /nowhere/fleet.yaml: it is not there, or cannot be read")
    }

    @Test func theFileOfTheRepositoryIsReadAndNamesTheFiguresOfTheSpecification() throws {
        let plan = try FleetPlan(path: Self.repository + "/ops/fleet.yaml")
        #expect(
            Dictionary(uniqueKeysWithValues: plan.workers.map { ($0.name, $0.messages) }) == [
                "inventory-sync": 500, "payment": 1000, "expiry": 500, "ops": 500, "notification": 5000, "analytics": 5000, "audit": 5000,
                "queue-release": 500,
            ])
        #expect(plan.workers.allSatisfy { $0.minimum == 2 && $0.maximum == 10 && $0.coolDown == .seconds(60) && $0.group == $0.name })
    }

    @Test func anotherMinimumRaisesTheMaximumWhereItMust() throws {
        let plan = FleetPlan(workers: [WorkerPlan(name: "expiry", topics: [.bookingCommands], messages: 1, minimum: 2, maximum: 3)])
        #expect(plan.withMinimum(1).workers[0].minimum == 1 && plan.withMinimum(1).workers[0].maximum == 3)
        #expect(plan.withMinimum(5).workers[0].minimum == 5 && plan.withMinimum(5).workers[0].maximum == 5)
    }

    static var repository: String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    }
}
