/// Another plan, while the fleet runs.
extension FleetSupervisor {
    /// Goes by another plan from now on: its figures count at once, workers that are new are started, those it does not name any more are drained. Copies
    /// that run keep the environment that they were started with. How long a copy may drain stays as it was at the start.
    public func adopt(_ new: FleetPlan) {
        guard !isClosed else { return }
        fault = nil
        var new = new
        var notes: [String] = []
        if new.drain != plan.drain {
            notes.append("drain stays \(plan.drain) until the fleet is started again")
            new.drain = plan.drain
        }
        let old = plan
        current.withLock { $0 = new }
        if new == old, notes.isEmpty { return }
        for worker in new.workers {
            guard let index = workers.firstIndex(where: { $0.plan.name == worker.name }) else {
                workers.append(Worker(plan: worker, target: worker.minimum))
                notes.append("\(worker.name) is new")
                continue
            }
            if workers[index].plan.environment != worker.environment {
                notes.append("\(worker.name): copies started from now on have the environment")
            }
            workers[index].plan = worker
            if !workers[index].isDismissed { continue }
            (workers[index].isDismissed, workers[index].wish, workers[index].target) = (false, .automatic, worker.minimum)
            notes.append("\(worker.name) is back")
        }
        for index in workers.indices where !workers[index].isDismissed && !new.workers.contains(where: { $0.name == workers[index].plan.name }) {
            (workers[index].isDismissed, workers[index].wish) = (true, .fixed(0))
            notes.append("\(workers[index].plan.name) goes")
        }
        log.write(FleetEvent(.adopted, "*", detail: notes.isEmpty ? nil : notes.joined(separator: "; ")))
        for index in workers.indices { decide(index, now: .now) }
    }

    /// Goes on with the plan it has, since another cannot be used.
    /// - Parameter reason: shown in the status until there is one that can.
    public func refuse(_ reason: String) {
        fault = reason
        log.write(FleetEvent(.refused, "*", detail: reason))
    }
}
