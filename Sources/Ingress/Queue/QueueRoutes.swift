import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Synchronization
import Telemetry

/// A person's own place in an event's line: join, leave, and follow it. Another's place cannot be named.
struct QueueRoutes: Sendable {
    static let path = "/api/v1/queue"

    let services: Services

    func add(to routes: inout RouteTable) {
        routes.on(.post, WaitingRoom.joinPath, join)
        routes.on(.delete, "\(Self.path)/leave", leave)
        routes.on(.get, "\(Self.path)/status", status)
        routes.on(.get, "\(Self.path)/status/stream", stream)
    }

    // MARK: Joining and leaving

    /// `POST /queue/join`. Joining again keeps the place, so an Idempotency-Key is welcome and not needed.
    func join(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let event = try QueueRequest.event(json: try await JSONBody.read(request))
        let headers = try await services.limiter.admit("queue_join", user: token, request, context)
        let outcome: QueueJoinOutcome
        do {
            outcome = try await services.engine.joinQueue(
                .init(event: event, user: token.user, age: token.age, trace: context.trace.headerText))
        } catch {
            throw APIError.unavailable("The waiting room cannot be joined just now; it is safe to ask again.")
        }
        MetricName.queueJoins.counter(outcome.label).increment()
        switch outcome {
        case .joined(let entry, let told):
            if let told { _ = await services.publisher.publish(told) }
            return accepted(entry, headers)
        case .kept(let entry):
            var headers = headers
            if key != nil { headers[.idempotencyReplayed] = "true" }
            return accepted(entry, headers)
        default: throw Self.refusal(outcome)
        }
    }

    /// `DELETE /queue/leave?event_id=`: gives the place or the pass back.
    func leave(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        _ = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let event = try QueueRequest.event(request)
        let headers = try await services.limiter.admit("queue_leave", user: token, request, context)
        let outcome: QueueLeaveOutcome
        do {
            outcome = try await services.engine.leaveQueue(event: event, user: token.user, trace: context.trace.headerText)
        } catch {
            throw APIError.unavailable("The waiting room cannot be left just now; it is safe to ask again.")
        }
        switch outcome {
        case .left(let entry, let told):
            if let told { _ = await services.publisher.publish(told) }
            return accepted(entry, headers)
        // Asked for again, it is as it was the first time.
        case .notInLine(let entry?) where entry.status == .left: return accepted(entry, headers)
        case .notInLine: throw Self.notInLine
        }
    }

    private func accepted(_ entry: QueueEntry, _ headers: HTTPFields) -> Response {
        var headers = headers
        headers[.location] = "\(Self.path)/status?event_id=\(entry.event)"
        headers[.retryAfter] = "1"
        headers[.eTag] = "\"\(entry.version)\""
        headers[.cacheControl] = "private, no-store"
        let place = followed(entry)
        return Answer.success(.accepted, headers: headers) { place.write(&$0) }
    }

    private static func refusal(_ outcome: QueueJoinOutcome) -> APIError {
        switch outcome {
        case .joined, .kept: APIError(.internalError, "Something went wrong on our side.")
        case .off:
            APIError(.invalidState, "This event has no waiting room just now; it can be reserved at once.", field: "event_id", reason: "has no queue")
        case .closed: APIError(.invalidState, "The waiting room of this event is closed.", field: "event_id", reason: "has a closed queue")
        case .notOpenYet(let opens):
            APIError(.saleNotOpen, "The waiting room opens at \(opens).", field: "event_id", reason: "opens at \(opens)")
        case .ageRestricted(let minimum): APIError(.ageRestricted, "The event is for those of \(minimum) years and more.")
        case .overLimit(let limit, let held):
            APIError(
                .maxPerUserExceeded, "You may have \(limit) tickets of this event and have \(held).", field: "event_id", reason: "is at its limit")
        case .soldOut: APIError(.insufficientStock, "The event is sold out.", field: "event_id", reason: "is sold out")
        case .eventUnknown: APIError(.notFound, "There is no such event on sale.", field: "event_id", reason: "is unknown")
        case .outboxFull: .unavailable("The waiting room cannot be joined just now.")
        }
    }

    private static let notInLine = APIError(
        .notFound, "You are not in the waiting room of this event.", field: "event_id", reason: "has no place of yours")

    // MARK: Following

    /// `GET /queue/status?event_id=`.
    func status(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (event, user, headers) = try await follow("queue_status", request, context)
        let reader = PlaceReader(
            routes: self, event: event, user: user, isWatching: try WaitRequest(request).waits, known: try WaitRequest(request).newest)
        return try await StatusReader(waiters: services.waiters).answer(
            request, { try await entry(event, user).id.bits }, headers: headers, read: reader.read)
    }

    /// `GET /queue/status/stream?event_id=`.
    func stream(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (event, user, headers) = try await follow("queue_stream", request, context)
        let reader = PlaceReader(routes: self, event: event, user: user, isWatching: true, known: request.headers[.lastEventID].flatMap { Int64($0) })
        return try await StatusReader(waiters: services.waiters).stream(
            request, { try await entry(event, user).id.bits }, name: "queue", headers: headers, read: reader.read)
    }

    private func follow(_ endpoint: String, _ request: Request, _ context: IngressContext) async throws -> (EventID, UserID, HTTPFields) {
        let token = try services.authenticate(request)
        let event = try QueueRequest.event(request)
        return (event, token.user, try await services.limiter.admit(endpoint, user: token, request, context))
    }

    fileprivate func entry(_ event: EventID, _ user: UserID) async throws(APIError) -> QueueEntry {
        let found: QueueEntry?
        do {
            found = try await services.engine.queueEntry(event: event, user: user)
        } catch {
            throw .unavailable()
        }
        guard let found else { throw Self.notInLine }
        return found
    }

    fileprivate func followed(_ entry: QueueEntry) -> FollowedPlace {
        FollowedPlace(entry: entry, pass: QueuePass(entry).map { services.room.passes.text(of: $0) })
    }
}

/// One reader's way to a place: the first look is at Redis, a later one at what woke it, where there is something.
private final class PlaceReader: Sendable {
    private let routes: QueueRoutes
    private let event: EventID
    private let user: UserID
    private let isWatching: Bool
    private let state: Mutex<(isFirst: Bool, known: Int64?)>

    /// - Parameter known: the version that the reader has.
    init(routes: QueueRoutes, event: EventID, user: UserID, isWatching: Bool, known: Int64?) {
        state = Mutex((true, known))
        self.routes = routes
        self.event = event
        self.user = user
        self.isWatching = isWatching
    }

    @Sendable func read() async throws -> any Followed {
        let board = routes.services.room.board
        let isFirst = state.withLock { state in
            defer { state.isFirst = false }
            return state.isFirst
        }
        let fresh = isFirst ? nil : board.fresh(user, of: event)
        let entry = if let fresh { fresh } else { try await routes.entry(event, user) }
        // What is news is told now, and known from then on.
        let known = state.withLock { state in
            if state.known.map({ entry.differs(from: $0) }) ?? true { state.known = entry.version }
            return state.known ?? entry.version
        }
        if isWatching { board.watch(entry, known: known) }
        return routes.followed(entry)
    }
}
