import Foundation
import LocalStack
import TestSupport
import Testing

/// The operator's guided tour, typed as the runbook has it.
@Suite(.timeLimit(.minutes(5))) struct TourTests {
    /// The repository.
    private let home = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..").standardizedFileURL.path

    @Test func theRunbookCanBeTypedThroughToItsEnd() async throws {
        let report = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-tour-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: report) }
        let output = try await Command.run(
            "\(try Binaries.folder())/rushctl", ["tour", "--limit", "240", "--json", report.path], environment: ["RUSH_HOME": home],
            limit: .seconds(280))
        #expect(output.status == 0, "\(output.text)\(output.errors)")
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: report))
        #expect(json["ok"].bool == true)
        let titles = (json["steps"].array ?? []).map { $0["title"].string ?? "" }
        for word in ["Poison", "alert", "group", "redrive", "Replay", "Lose Redis", "fleet scale"] {
            #expect(titles.contains { $0.contains(word) }, "a step that is about \(word)")
        }
        #expect((json["steps"].array ?? []).allSatisfy { $0["ok"].bool == true })
    }

    @Test func aTourThatFailsSaysAtWhichStep() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-tour-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let book = "\(folder)/BOOK.md"
        try
            "# Book\n\n## One\n\n```sh\nA=1\n```\n\n## Two\n\n```\nonly to be read\n```\n\n```sh\n[ $A = 1 ]\nfalse\n```\n\n## Three\n\n```sh\ntrue\n```\n"
            .write(toFile: book, atomically: true, encoding: .utf8)
        let output = try await Command.run(
            "\(try Binaries.folder())/rushctl", ["tour", "--runbook", book, "--json", "\(folder)/report.json"],
            environment: ["RUSH_HOME": home, "TMPDIR": folder], limit: .seconds(120))
        #expect(output.status == 1)
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/report.json")))
        #expect(json["ok"].bool == false)
        #expect(json["steps"].array?.map { $0["title"].string } == ["One", "Two"])
        #expect(json["steps"].array?.map { $0["ok"].bool } == [true, false])
    }
}
