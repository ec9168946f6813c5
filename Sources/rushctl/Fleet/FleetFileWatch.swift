import Dispatch
import Fleet
import Foundation
import Glibc
import Synchronization

/// Tells when a fleet's file is to be read again: it was changed, or SIGHUP asks for it.
///
/// On a terminal SIGHUP keeps its meaning: whoever typed the command is gone.
final class FleetFileWatch: Sendable {
    /// How often the file is looked at.
    private static let interval = Duration.seconds(1)

    private let file: FleetFile
    private let isAsked = Atomic(false)
    /// Kept alive, never touched again.
    private nonisolated(unsafe) let source: (any DispatchSourceSignal)?

    init(_ file: FleetFile) {
        self.file = file
        guard isatty(STDIN_FILENO) == 0 else {
            source = nil
            return
        }
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        self.source = source
        source.setEventHandler { [weak self] in self?.isAsked.store(true, ordering: .relaxed) }
        source.resume()
    }

    /// Calls `body` each time, until it is cancelled. A change counts once the file has not changed for a moment.
    func run(_ body: (Result<FleetPlan, FleetError>) async -> Void) async {
        var (taken, last) = (file.contents, file.contents)
        while (try? await Task.sleep(for: Self.interval)) != nil {
            let now = file.contents
            defer { last = now }
            let isChanged = now != taken && now == last
            guard isAsked.exchange(false, ordering: .relaxed) || isChanged else { continue }
            taken = now
            do throws(FleetError) {
                await body(.success(try file.plan()))
            } catch {
                await body(.failure(error))
            }
        }
    }
}
