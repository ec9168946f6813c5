import Foundation
import LocalStack
import TestSupport
import Testing

/// A short run of `ops/faults`: everything killed, frozen and restarted while people reserve, pay, cancel, expire and refund.
@Suite(.timeLimit(.minutes(5))) struct MixedFaults {
    @Test func nothingIsLostOrDoubledWhileEverythingDies() async throws {
        let report = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-faults-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: report) }
        let seed = SeededRandom.seedOfThisRun
        let output = try await Command.run(
            "\(try Binaries.folder())/rushctl", ["faults", "--seconds", "25", "--rate", "15", "--seed", "\(seed)", "--json", report.path],
            environment: [:], limit: .seconds(280))
        #expect(output.status == 0, "seed \(seed)\n\(output.text)\(output.errors)")
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: report))
        #expect(json["invariants_ok"].bool == true)
        #expect(json["lost"].int == 0)
        #expect(json["doubled"].int == 0)
        // A run in which little happened would show little.
        #expect((json["bookings"].int ?? 0) > 100)
        #expect((json["payments"].int ?? 0) > 50)
        #expect((json["kills"].int ?? 0) > 0)
    }
}
