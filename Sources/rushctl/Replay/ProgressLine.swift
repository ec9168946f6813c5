import Foundation
import Glibc
import Replays
import Synchronization

/// One line on standard error that says how far a job is; written over on a terminal, else a line now and then.
final class ProgressLine: Sendable {
    static let shared = ProgressLine()

    /// Between two lines where they stay.
    private static let pause = Duration.seconds(5)

    private struct State {
        var last: ContinuousClock.Instant?
        var isOpen = false
    }

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    /// Shows how far a replay is.
    func show(_ progress: ReplayProgress) {
        let share = progress.total > 0 ? " \(progress.read * 100 / progress.total)%" : ""
        let left = progress.secondsLeft.map { $0 > 0 ? ", \(ReplayPrinter.duration($0)) left" : "" } ?? ""
        show("\(progress.phase) \(progress.read)/\(progress.total)\(share), \(progress.taken) handed on, \(Int(progress.perSecond))/s\(left)")
    }

    /// Shows a text in place of the one before.
    func show(_ text: String) {
        state.withLock { state in
            if isTerminal {
                state.isOpen = true
                return FileHandle.standardError.write(Data("\r\(text)\u{1b}[K".utf8))
            }
            if let last = state.last, ContinuousClock.now < last + Self.pause { return }
            state.last = .now
            Output.progress(text)
        }
    }

    /// Goes to the next line.
    func end() {
        state.withLock { state in
            if state.isOpen { FileHandle.standardError.write(Data("\n".utf8)) }
            state = State()
        }
    }
}
