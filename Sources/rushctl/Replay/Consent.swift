import ArgumentParser
import Glibc

/// Asks before something is changed.
enum Consent {
    /// Returns when the answer is yes, given or typed.
    /// - Throws: a usage error where nobody can be asked, `ExitCode(1)` after a no.
    static func ask(_ question: String, yes: Bool) throws {
        if yes { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("Standard input is no terminal, so nobody can be asked: say --yes, or --dry-run.")
        }
        Output.progress("\(question) [y/N]")
        let answer = readLine()?.lowercased() ?? ""
        if answer != "y", answer != "yes" {
            Output.progress("nothing was done")
            throw ExitCode(1)
        }
    }
}
