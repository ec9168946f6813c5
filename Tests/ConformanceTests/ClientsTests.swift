import Testing

/// The same cases through the clients that people use; `Tests/Conformance/run.py` holds them.
@Suite(.timeLimit(.minutes(3)), .enabled(if: PythonSuite.hasClients, "PyPI could not be reached"))
struct ClientsTests {
    @Test(arguments: PythonSuite.clients)
    func clientPasses(_ client: String) async throws {
        let (written, output) = try await PythonSuite.run.value
        let report = try #require(written, "no report was written:\n\(output)")
        let results = report.results.filter { $0.client == client }
        #expect(!results.isEmpty, "no case was run:\n\(output)")
        for result in results where !result.ok { Issue.record("\(client), \(result.name): \(result.error ?? "")") }
        // A client that is not installed runs nothing; one that crashed in the middle, less than the others.
        #expect(results.count == report.results.count / PythonSuite.clients.count, "cases are missing:\n\(output)")
    }
}
