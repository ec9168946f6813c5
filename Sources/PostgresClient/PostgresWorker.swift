import CPq
import Glibc
import Logging

/// The body of a connection's thread: connect, run jobs, reconnect. Confined to that thread.
struct PostgresWorker {
    /// The thread's place in the pool.
    let index: Int
    /// Where its jobs come from.
    let pool: PostgresPool
    /// Debug level only.
    let logger: Logger

    private var configuration: PostgresConfiguration { pool.configuration }
    private var wakeFD: Int32 { pool.wakeFD(index) }

    /// Runs until the pool is stopped.
    func run() {
        var pause = configuration.reconnectMinimum
        while !pool.isStopping {
            do throws(PostgresError) {
                let connection = try PostgresConnection.open(configuration, wakeFD: wakeFD) { pool.isStopping }
                logger.debug("connected to PostgreSQL", metadata: ["postgres.server": "\(configuration)"])
                let start = ContinuousClock.now
                serve(connection)
                guard !pool.isStopping else { break }
                logger.debug("lost a connection to PostgreSQL", metadata: ["postgres.server": "\(configuration)"])
                if start.duration(to: .now) > configuration.reconnectMaximum {
                    pause = configuration.reconnectMinimum
                } else {
                    // It hardly lived: a server that takes connections only to drop them is not to be hammered.
                    back(off: &pause)
                }
            } catch {
                guard !pool.isStopping else { break }
                logger.debug("cannot connect to PostgreSQL", metadata: ["postgres.server": "\(configuration)", "error.message": "\(error.message)"])
                pool.failedToConnect(error)
                back(off: &pause)
            }
        }
        pool.threadEnded()
    }

    /// Returns when the connection is broken or the pool stops.
    private func serve(_ connection: PostgresConnection) {
        var next = pool.connected(index)
        while true {
            switch next {
            case .stop: return pool.disconnected(index)
            case .wait:
                guard waitForWork(connection) else { return pool.disconnected(index) }
                next = pool.woken(index)
            case .run(let job):
                if job.ticket.isCancelled.load(ordering: .relaxed) {
                    next = pool.release(index)
                    job.failCancelled()
                    continue
                }
                // A connection that broke while it was idle does not cost the job anything.
                guard connection.isAlive() else { return pool.disconnected(index, notBegun: job) }
                let resume = job.run(connection)
                connection.reset()
                // The connection is free, or given up, before the caller goes on and wants the next one.
                if connection.isBroken {
                    pool.disconnected(index)
                    return resume()
                }
                next = pool.release(index)
                resume()
            }
        }
    }

    /// False when the server closed the connection.
    private func waitForWork(_ connection: PostgresConnection) -> Bool {
        while true {
            var polled = [
                pollfd(fd: wakeFD, events: Int16(POLLIN), revents: 0),
                pollfd(fd: PQsocket(connection.handle.pointer), events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polled, 2, -1) > 0 else { continue }
            if polled[0].revents != 0 {
                PostgresPool.acknowledge(wakeFD)
                return true
            }
            if polled[1].revents != 0, !connection.isAlive() { return false }
        }
    }

    /// Pauses, and makes the next pause longer; a stop ends it early.
    private func back(off pause: inout Duration) {
        // Between half and the whole pause, so that many connections do not return at the same instant.
        let deadline = ContinuousClock.now + pause * Double.random(in: 0.5...1)
        pause = min(pause * 2, configuration.reconnectMaximum)
        while !pool.isStopping, deadline > .now {
            var polled = pollfd(fd: wakeFD, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, pollMilliseconds(until: deadline)) > 0 { PostgresPool.acknowledge(wakeFD) }
        }
    }
}

/// The body of the watch thread: it fails jobs that wait too long, which the busy connections cannot do.
struct PostgresWatch {
    /// Where its jobs come from.
    let pool: PostgresPool

    /// Runs until the pool is stopped.
    func run() {
        let wakeFD = pool.wakeFD(pool.watchIndex)
        while !pool.isStopping {
            let next = pool.expire(now: .now)
            var polled = pollfd(fd: wakeFD, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, next.map { pollMilliseconds(until: $0) } ?? -1) > 0 { PostgresPool.acknowledge(wakeFD) }
        }
        pool.threadEnded()
    }
}
