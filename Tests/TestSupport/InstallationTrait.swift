import LocalStack
public import Testing

/// Gives a suite, with all suites inside it, one installation: started before its first test, taken down after its last.
///
/// At the end the inventory must hold, and no process may have died by itself.
public struct InstallationTrait: SuiteTrait, TestScoping {
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Installation.with { installation in
            try await function()
            await Self.checkInventory(installation)
            await installation.stop()
            for await exit in installation.stack.exits { Issue.record("\(exit)") }
        }
    }

    private static func checkInventory(_ installation: Installation) async {
        do {
            let verdict = try await installation.checkInventory()
            if !verdict.holds { Issue.record("after all tests the inventory does not hold: \(verdict.report)") }
        } catch {
            Issue.record("the inventory cannot be checked: \(error)")
        }
    }
}

extension Trait where Self == InstallationTrait {
    /// One installation for the suite.
    public static var installation: InstallationTrait { InstallationTrait() }
}
