import HTTPTypes
import Metrics
import Synchronization
import Telemetry

/// Counts and times requests by route, never by path; the handles are made once a label set.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        let method: HTTPRequest.Method
        let route: String
        let status: Int
    }

    private struct Handles {
        let count: Counter
        let duration: Timer
    }

    private let handles = Mutex<[Key: Handles]>([:])

    /// - Parameter waited: a long-poll or stream, whose duration says nothing of the server and is left out.
    func record(method: HTTPRequest.Method, route: String?, status: Int, duration: Duration, waited: Bool) {
        // A method nobody serves comes from the client, so it must not make a new series.
        let key = Key(method: Self.known.contains(method) ? method : .trace, route: route ?? "none", status: status)
        let handles = handles.withLock { handles in
            if let known = handles[key] { return known }
            let made = Handles(
                count: MetricName.httpRequests.counter(key.method.rawValue, key.route, String(status)),
                duration: MetricName.httpRequestDuration.timer(key.method.rawValue, key.route))
            handles[key] = made
            return made
        }
        handles.count.increment()
        if !waited {
            handles.duration.recordNanoseconds(duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
        }
    }

    private static let known: Set<HTTPRequest.Method> = [.get, .post, .put, .delete, .head, .options, .patch]
}
