import RedisClient
import Synchronization

/// Gathers reserves of one zone into calls of Redis, which are cheaper together: what they share is read and written once, and Redis syncs its
/// file once for all of them.
///
/// There is no timer: each connection has one flight of calls under way at most, and the replies to it send the next. A reserve that finds nothing
/// under way goes at once and alone; under load a flight takes what came during the one before, the oldest first. Beside another one goes only
/// when a full one waits, so that Redis has no pause while there is a backlog; smaller ones would be dearer, and no reserve would be answered earlier.
///
/// A flight whose connection broke is sent once more over another connection; the idempotency records make that safe.
final class ReserveGatherer: Sendable {
    /// The bounds of a gatherer.
    struct Limits: Sendable {
        /// Reserves in one flight of a connection, and so in one call: some 2 ms of Redis' time, during which it does nothing else.
        var flight = 96
        /// Reserves queued or under way; one more is refused.
        var pending = 20_000
    }

    private struct State {
        /// Not sent yet, oldest first.
        var queue: [ReserveBatch] = []
        /// How many batches have left the queue, so that a batch keeps its number when others leave.
        var left = 0
        /// The number of the batch that takes a place's next reserve.
        var open: [PendingReserve.Place: Int] = [:]
        /// For each connection the calls of its flight that are not answered, and one more while the flight is being sent.
        var underWay: [Int]
        var pending = 0
        /// Reserves in the queue.
        var waiting = 0
    }

    private let connections: [RedisClient]
    private let spare: RedisClient
    private let reserveLimits: ReserveLimits
    private let limits: Limits
    private let trust: Trust?
    private let state: Mutex<State>

    /// - Parameters:
    ///   - connections: each has one flight under way.
    ///   - spare: for what is sent once more.
    ///   - trust: told when a zone is missing in a Redis that was not checked.
    init(connections: [RedisClient], spare: RedisClient, limits reserveLimits: ReserveLimits, limits: Limits = Limits(), trust: Trust? = nil) {
        self.connections = connections
        self.spare = spare
        self.reserveLimits = reserveLimits
        self.limits = limits
        self.trust = trust
        state = Mutex(State(underWay: Array(repeating: 0, count: connections.count)))
    }

    /// Takes a reserve; its caller is told on an I/O thread of Redis, or at once when it is refused.
    func add(_ reserve: PendingReserve) {
        let (isTaken, flight) = state.withLock { state -> (Bool, Flight?) in
            if state.pending >= limits.pending { return (false, nil) }
            state.pending += 1
            enqueue(reserve, &state)
            // One that is away refuses at once, and so would be idle for every reserve.
            let live = connections.indices.first { state.underWay[$0] == 0 && connections[$0].isConnected }
            guard let idle = live ?? state.underWay.firstIndex(of: 0) else { return (true, nil) }
            return (true, nextFlight(idle, &state))
        }
        if let flight { send(flight) }
        if !isTaken {
            let error = RedisError(code: .overloaded, operation: "reserve", message: "more than \(limits.pending) reserves would be pending")
            reserve.asker.then(.failure(.redis("reserve", error)))
        }
    }

    /// What goes over one connection before its replies.
    private struct Flight {
        let connection: Int
        let batches: ArraySlice<ReserveBatch>
    }

    private func enqueue(_ reserve: PendingReserve, _ state: inout State) {
        state.waiting += 1
        if let number = state.open[reserve.place] {
            let index = number - state.left
            state.queue[index].append(reserve)
            if state.queue[index].askers.count >= limits.flight { state.open[reserve.place] = nil }
        } else {
            if limits.flight > 1 { state.open[reserve.place] = state.left + state.queue.count }
            state.queue.append(ReserveBatch(reserve))
        }
    }

    private func nextFlight(_ connection: Int, _ state: inout State) -> Flight? {
        guard let first = state.queue.first else { return nil }
        if state.waiting < limits.flight, state.underWay.contains(where: { $0 > 0 }) { return nil }
        var (batches, reserves) = (1, first.askers.count)
        while batches < state.queue.count, reserves + state.queue[batches].askers.count <= limits.flight {
            reserves += state.queue[batches].askers.count
            batches += 1
        }
        let taken = Array(state.queue[..<batches])
        for (index, batch) in taken.enumerated() where state.open[batch.place] == state.left + index { state.open[batch.place] = nil }
        state.queue.removeFirst(batches)
        state.left += batches
        state.underWay[connection] = batches + 1
        state.waiting -= reserves
        return Flight(connection: connection, batches: taken[...])
    }

    /// Sends a flight, and those after it whose turn has come meanwhile: calls that are refused at once must not nest.
    private func send(_ flight: Flight) {
        var next: Flight? = flight
        while let flight = next {
            for batch in flight.batches {
                let command = batch.command(reserveLimits)
                connections[flight.connection].evaluate(ReserveBatch.script, command) { [self] result in
                    finish(batch, command, result, flight.connection)
                }
            }
            next = landed(flight.connection)
        }
    }

    /// One call less is under way; after the last there is the connection's next flight.
    private func landed(_ connection: Int) -> Flight? {
        state.withLock { state in
            state.underWay[connection] -= 1
            return state.underWay[connection] == 0 ? nextFlight(connection, &state) : nil
        }
    }

    private func finish(_ batch: ReserveBatch, _ command: RedisCommand, _ result: Result<RedisReply, RedisError>, _ connection: Int) {
        if let next = landed(connection) { send(next) }
        if case .failure(let error) = result, error.code == .connectionLost || error.code == .notConnected, trust?.isTrusted ?? true {
            spare.evaluate(ReserveBatch.script, command) { [self] result in answer(batch, result) }
        } else {
            answer(batch, result)
        }
    }

    private func answer(_ batch: ReserveBatch, _ result: Result<RedisReply, RedisError>) {
        // Room is made first: a caller that goes on at once must not find the queue full of what is done.
        state.withLock { $0.pending -= batch.askers.count }
        batch.answer(result, trust)
    }
}
