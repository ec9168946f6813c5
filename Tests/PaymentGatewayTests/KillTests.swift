import Foundation
import HTTPTestSupport
import PaymentGateway
import Testing

@Suite(.timeLimit(.minutes(2)))
struct KillTests {
    /// Payments go on while the simulator is killed five times; a caller that repeats under its keys pays once, and the books forget nothing.
    @Test func killedGatewayForgetsNothingAndTakesNothingTwice() async throws {
        let simulator = try await SimulatorProcess()
        var configuration = simulator.configuration
        configuration.maxConnections = 16
        let count = 200
        let paid = try await withGateway(configuration) { gateway in
            try await withThrowingTaskGroup(of: (String, String).self) { group in
                let numbers = Numbers(count)
                for _ in 0..<8 {
                    group.addTask {
                        var last = ("", "")
                        while let number = await numbers.next() { last = try await Self.pay(gateway, number) }
                        return last
                    }
                }
                for _ in 0..<5 {
                    let goal = await numbers.taken + 25
                    try await eventually("25 more are begun", limit: .seconds(30)) { await numbers.taken >= min(goal, count) }
                    simulator.kill()
                    try await simulator.start()
                }
                var paid: [String: String] = [:]
                for try await (id, payment) in group { paid[id] = payment }
                return paid
            }
        }
        #expect(!paid.isEmpty)
        let books = try await simulator.books().filter { $0.object == "payment_intent" && $0.captures == 1 }
        // One paid intent for each payment: the key of the creation held over the kills too.
        #expect(books.count == count)
        #expect(Set(books.compactMap { $0.metadata["payment"] }).count == count)
        #expect(books.allSatisfy { $0.captured_minor == $0.amount_minor && $0.refused_captures == 0 })
    }

    private static func pay(_ gateway: PaymentGateway, _ number: Int) async throws -> (String, String) {
        let payment = "payment-\(number)"
        let intent = try await untilAnswered {
            try await gateway.createIntent(
                amountMinor: Int64(100 + number), currency: "THB", method: "card", paymentToken: "pm_card_visa", metadata: ["payment": payment],
                idempotencyKey: payment + "-create")
        }
        let confirmed = try await untilAnswered {
            try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: payment + "-confirm")
        }
        #expect(confirmed.status == .succeeded)
        return (intent.id, payment)
    }

    private static func untilAnswered<Value>(_ call: () async throws -> Value) async throws -> Value {
        let end = ContinuousClock.now + .seconds(30)
        while true {
            do {
                return try await call()
            } catch let error as GatewayError {
                guard ContinuousClock.now < end, error.disposition != .deadLetter, error.disposition != .fatal else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test func halfWrittenLastLineIsDroppedAndDamageIsRefused() async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent()
            _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
            simulator.kill()
            let journal = simulator.folder + "/journal.ndjson"
            let file = try #require(FileHandle(forWritingAtPath: journal))
            try file.seekToEnd()
            try file.write(contentsOf: Data("{\"op\":\"confirm\",\"id\":\"pi_".utf8))
            try file.close()
            try await simulator.start()
            let line = try await simulator.line(intent.id)
            #expect(line.captures == 1)
            let code = simulator.stop()
            #expect(code == 0)
            var lines = try String(contentsOfFile: journal, encoding: .utf8)
            #expect(lines.hasSuffix("}\n"))
            lines = "{\"op\":\"crea\n" + lines
            try lines.write(toFile: journal, atomically: true, encoding: .utf8)
            await #expect(throws: ServerFailure.self) { try await simulator.start() }
        }
    }

    @Test func takenPortEndsWithOneAndAMessage() async throws {
        let simulator = try await SimulatorProcess()
        let process = Process()
        let errors = Pipe()
        process.executableURL = SimulatorProcess.binary
        process.arguments = ["--port", "\(simulator.port)", "--data", simulator.folder + "-other"]
        process.standardError = errors
        try process.run()
        let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: simulator.folder + "-other")
        #expect(process.terminationStatus == 1)
        #expect(text.contains("payment-simulator: cannot listen on 127.0.0.1:\(simulator.port): Address already in use"))
    }

    /// Under random failures of every kind a caller that keeps its keys, and reads, loses and doubles nothing.
    @Test func chaosLosesAndDoublesNothing() async throws {
        let simulator = try await SimulatorProcess(["--chaos", "0.3", "--seed", "7"])
        var configuration = simulator.configuration
        configuration.timeout = .milliseconds(200)
        let count = 60
        try await withGateway(configuration) { gateway in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let numbers = Numbers(count)
                for _ in 0..<8 {
                    group.addTask { while let number = await numbers.next() { _ = try await Self.pay(gateway, number) } }
                }
                try await group.waitForAll()
            }
        }
        let books = try await simulator.books().filter { $0.captures == 1 }
        #expect(Set(books.compactMap { $0.metadata["payment"] }).count == count)
        #expect(books.count == count)
    }
}

/// Numbers given out once each.
private actor Numbers {
    private(set) var taken = 0
    private let count: Int

    init(_ count: Int) {
        self.count = count
    }

    func next() -> Int? {
        guard taken < count else { return nil }
        taken += 1
        return taken
    }
}
