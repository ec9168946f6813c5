import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// `rushctl` where what it is told cannot be meant, or the stores are away.
    @Suite struct WrongUse {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test(arguments: [["run", "--once"], ["bench", "reserve"], ["faults"], ["tour"]])
        func aResultThatCouldNotBeWrittenIsRefusedBeforeAnythingRuns(_ command: [String]) async throws {
            let output = try await installation.run(command + ["--json", "/no/such/folder/result.json"], limit: .seconds(20))
            #expect(output.status == 64)
            #expect(output.errors.contains("--json") && output.errors.contains("/no/such/folder"), "\(output.errors)")
        }

        @Test(arguments: [["lag"], ["dlq", "list"], ["dlq", "groups"]])
        func aGroupThatNobodyKnowsIsNamedAndOneWithoutLettersIsNot(_ command: [String]) async throws {
            let unknown = try await installation.run(command + ["--group", "paiment"])
            #expect(unknown.status == 64)
            #expect(unknown.errors.contains("--group") && unknown.errors.contains("Did you mean 'payment'?"), "\(unknown.errors)")
            let known = try await installation.run(command + ["--group", "audit"])
            #expect(known.status == 0, "\(known.errors)")
        }

        @Test func aNegativeNumberOfCopiesIsToldWhatItMayBe() async throws {
            let output = try await installation.run(["fleet", "scale", "payment", "-1"])
            #expect(output.status == 64 && output.errors.contains("from 0 to 100"), "\(output.errors)")
        }

        @Test(arguments: [["analytics", "check"], ["dlq", "groups"], ["inventory", "check"]])
        func aStoreThatIsAwayIsNamedWithItsSetting(_ command: [String]) async throws {
            var environment = try Installation.toolEnvironment(installation.stack)
            environment["DATABASE_URL"] = "postgresql://nobody:secret@127.0.0.1:1/none"
            let output = try await Command.run("\(try Binaries.folder())/rushctl", command, environment: environment)
            #expect(output.status == 1 && !output.errors.contains("secret"))
            for word in ["PostgreSQL", "127.0.0.1:1/", "DATABASE_URL", "ops/run"] { #expect(output.errors.contains(word), "\(output.errors)") }
        }
    }
}
