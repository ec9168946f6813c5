import Foundation
public import LocalStack

/// The life of a copy: starting, running, and either draining or, after a crash, waiting to be started again.
extension FleetSupervisor {
    /// Tells of a process that ended by itself.
    /// - Returns: false when it is none of the fleet's.
    public func exited(_ exit: UnexpectedExit) -> Bool {
        guard let index = workers.firstIndex(where: { $0.plan.name == exit.component.program }) else { return false }
        // While it starts, whoever starts it finds out.
        if workers[index].copies[exit.component.copy]?.phase == .running {
            crashed(index, exit.component.copy, "\(exit.status)")
        }
        return true
    }

    /// Starts what is missing and drains what is too much.
    func reconcile(_ index: Int) {
        guard !isClosed else { return }
        let target = workers[index].target
        for (copy, state) in workers[index].copies where copy > target {
            switch state.phase {
            case .running: drain(index, copy)
            case .waiting: workers[index].copies[copy] = nil
            // What is being started is looked at again when it is ready.
            case .starting, .draining: break
            }
        }
        guard target > 0 else { return }
        for copy in 1...target where workers[index].copies[copy] == nil {
            workers[index].copies[copy] = Copy(phase: .starting)
            spawn { await self.bringUp(index, copy) }
        }
    }

    func ready(_ index: Int, _ copy: Int) {
        workers[index].copies[copy]?.phase = .running
        workers[index].copies[copy]?.since = Date()
        workers[index].copies[copy]?.readyAt = .now
        log.write(FleetEvent(.started, workers[index].plan.name, copy: copy))
    }

    func drain(_ index: Int, _ copy: Int) {
        guard !isClosed else { return }
        workers[index].copies[copy]?.phase = .draining
        let worker = workers[index].plan
        log.write(FleetEvent(.draining, worker.name, copy: copy))
        spawn { [runner] in
            let outcome = await runner.drain(worker, copy: copy)
            await self.gone(index, copy, outcome)
        }
    }

    private func gone(_ index: Int, _ copy: Int, _ outcome: DrainOutcome) {
        log.write(FleetEvent(outcome == .drained ? .drained : .killed, workers[index].plan.name, copy: copy))
        workers[index].copies[copy] = nil
        reconcile(index)
    }

    private func bringUp(_ index: Int, _ copy: Int) async {
        let worker = workers[index].plan
        do {
            try await runner.start(worker, copy: copy)
        } catch {
            if !isClosed { crashed(index, copy, "\(error)") }
            return
        }
        guard await runner.isRunning(worker, copy: copy) else { return crashed(index, copy, "it ended as soon as it was ready") }
        ready(index, copy)
        reconcile(index)
    }

    private func crashed(_ index: Int, _ copy: Int, _ how: String) {
        guard !isClosed, var state = workers[index].copies[copy] else { return }
        if let readyAt = state.readyAt, ContinuousClock.now - readyAt >= backoff.steady { state.crashes = 0 }
        state.crashes += 1
        (state.phase, state.since, state.readyAt, state.lastExit) = (.waiting, nil, nil, how)
        workers[index].copies[copy] = state
        let pause = backoff.pause(crashes: state.crashes)
        log.write(FleetEvent(.crashed, workers[index].plan.name, copy: copy, detail: "\(how); started again in \(pause)"))
        spawn {
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            await self.startAgain(index, copy)
        }
        reconcile(index)
    }

    private func startAgain(_ index: Int, _ copy: Int) async {
        // It may have been taken away meanwhile, and another put in its place.
        guard !isClosed, workers[index].copies[copy]?.phase == .waiting else { return }
        workers[index].copies[copy]?.phase = .starting
        workers[index].copies[copy]?.restarts += 1
        await bringUp(index, copy)
    }
}
