import Foundation
import LocalStack

/// Asks and orders the supervisor that runs in a folder, from another process.
public struct FleetControl: Sendable {
    private static let limit = Duration.seconds(10)

    private let probe: HTTPProbe
    /// The installation's folder.
    public let directory: String

    /// - Throws: ``FleetError``: `.notRunning` when no supervisor runs there.
    public init(directory: String) throws(FleetError) {
        let file = try FleetControlFile.read(in: directory)
        probe = HTTPProbe(port: file.port, timeout: Self.limit).bearer(file.token)
        self.directory = directory
    }

    /// What the fleet does now.
    public func status() async throws(FleetError) -> FleetStatus { try await ask("GET", "/fleet", nil) }

    /// Sets how many copies of a worker there are, or lets them follow the lag again; returns before that is done.
    /// - Throws: ``FleetError``: `.invalidWish` with the supervisor's reason.
    @discardableResult
    public func scale(_ worker: String, _ wish: FleetWish) async throws(FleetError) -> FleetStatus {
        var order = FleetOrder(worker: worker, actor: Self.actor)
        if case .fixed(let copies) = wish { order.copies = copies }
        return try await ask("POST", "/fleet/scale", order)
    }

    /// Drains all copies of a worker and keeps it down until it is scaled again, or drains one copy, which is started anew; returns before that is done.
    @discardableResult
    public func drain(_ worker: String, copy: Int? = nil) async throws(FleetError) -> FleetStatus {
        try await ask("POST", "/fleet/drain", FleetOrder(worker: worker, copy: copy, actor: Self.actor))
    }

    /// Drains all copies of all workers; a supervisor that has nothing else to do ends then.
    @discardableResult
    public func down() async throws(FleetError) -> FleetStatus { try await ask("POST", "/fleet/down", FleetOrder(actor: Self.actor)) }

    /// Waits until a worker, or every one of them, has as many copies as it should.
    /// - Throws: ``FleetError``: `.timeout`.
    @discardableResult
    public func settled(_ worker: String? = nil, limit: Duration = .seconds(60)) async throws(FleetError) -> FleetStatus {
        let deadline = ContinuousClock.now + limit
        while true {
            let status = try await status()
            if status.workers.allSatisfy({ worker != nil && $0.worker != worker || $0.isSettled }) { return status }
            do {
                guard ContinuousClock.now < deadline else { throw CancellationError() }
                try await Task.sleep(for: .milliseconds(100))
            } catch {
                throw FleetError(.timeout, operation: "wait for the fleet", message: "not done after \(limit); \(status.log) says what it does")
            }
        }
    }

    /// The person at the machine, by the name of the Unix account.
    private static var actor: String { "operator:\(NSUserName())" }

    private func ask(_ method: String, _ path: String, _ order: FleetOrder?) async throws(FleetError) -> FleetStatus {
        let operation = "ask the fleet in \(directory)"
        do {
            let body = try order.map { Array(try FleetJSON.encoder().encode($0)) } ?? []
            let answer = try await probe.send(method, path, headers: [("Content-Type", "application/json")], body: body)
            switch answer.status {
            case 200: return try FleetJSON.decoder().decode(FleetStatus.self, from: Data(answer.body))
            case 422: throw FleetError(.invalidWish, operation: operation, message: answer.text)
            default: throw FleetError(.noAnswer, operation: operation, message: "it answered \(answer.status) \(answer.text)")
            }
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.noAnswer, operation: operation, message: "\(error)", underlying: error)
        }
    }
}
