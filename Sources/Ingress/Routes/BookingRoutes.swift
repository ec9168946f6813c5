import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Telemetry

/// Status, lists and cancelling of a user's own bookings. Another user's booking is 404, never 403.
struct BookingRoutes: Sendable {
    /// Recent bookings of a user that a list takes from each shard of Redis.
    private static let recent = 100

    let services: Services

    // MARK: One booking

    func status(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, user, headers) = try await follow(request, context)
        return try await StatusReader(waiters: services.waiters).answer(request, { id.bits }, headers: headers) { try await booking(id, of: user) }
    }

    func stream(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, user, headers) = try await follow(request, context)
        return try await StatusReader(waiters: services.waiters).stream(request, { id.bits }, name: "booking", headers: headers) {
            try await booking(id, of: user)
        }
    }

    private func follow(_ request: Request, _ context: IngressContext) async throws -> (BookingID, UserID, HTTPFields) {
        let token = try services.authenticate(request)
        let id: BookingID = try context.id()
        let headers = try await services.limiter.admit("booking_status", user: token, request, context)
        return (id, token.user, headers)
    }

    /// From Redis, else PostgreSQL, else 404.
    private func booking(_ id: BookingID, of user: UserID) async throws -> Booking {
        guard let booking = try await services.booking(id, of: user) else { throw Self.notFound }
        return booking
    }

    // MARK: Lists

    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        try await list(request, context, endpoint: "bookings", onlyReserved: false)
    }

    func pending(_ request: Request, _ context: IngressContext) async throws -> Response {
        try await list(request, context, endpoint: "bookings_pending", onlyReserved: true)
    }

    /// PostgreSQL's rows and what only Redis has yet, each as new as Redis knows it.
    private func list(_ request: Request, _ context: IngressContext, endpoint: String, onlyReserved: Bool) async throws -> Response {
        let token = try services.authenticate(request)
        let page = try Page(request)
        let headers = try await services.limiter.admit(endpoint, user: token, request, context)
        do {
            let fresh = try await unprojected(of: token.user, onlyReserved: onlyReserved)
            let start = max(0, page.offset - fresh.count)
            let report = try await services.bookings.bookings(
                of: token.user, onlyReserved: onlyReserved, without: fresh.map(\.id), offset: start, limit: page.size + fresh.count)
            let window = Self.window(page, fresh, report.rows, start: start)
            let current = try await refreshed(window).filter { !onlyReserved || $0.status == .reserved }
            let unprojected = Set(fresh.map(\.id))
            return Answer.page(page, total: report.total + Int64(fresh.count), headers: headers) {
                for booking in current { BookingBody.write(&$0, booking, projected: !unprojected.contains(booking.id)) }
            }
        } catch {
            throw APIError.unavailable()
        }
    }

    /// One page of the two parts merged, newest first, so that a booking keeps its place when it is projected.
    /// - Parameter start: how many rows of PostgreSQL come before `rows`.
    private static func window(_ page: Page, _ fresh: [Booking], _ rows: [Booking], start: Int) -> [Booking] {
        // Fresh ones that are newer than a window which does not start at the top have their places on the pages before.
        let above = start == 0 ? 0 : rows.first.map { first in fresh.count { first.id.bits < $0.id.bits } } ?? fresh.count
        let merged = (fresh.dropFirst(above) + rows).sorted { $1.id.bits < $0.id.bits }
        return Array(merged.dropFirst(page.offset - start - above).prefix(page.size))
    }

    /// Bookings that Redis has and PostgreSQL has not, newest first. When Redis is away there are none to be known.
    private func unprojected(of user: UserID, onlyReserved: Bool) async throws -> [Booking] {
        guard let recent = try? await services.engine.recentBookings(of: user, limit: Self.recent) else { return [] }
        let known = try await services.bookings.known(recent.map(\.0))
        let missing = recent.filter { !known.contains($0.0) }
        guard let bookings = try? await services.engine.bookings(missing) else { return [] }
        return bookings.compactMap { $0 }.filter { !onlyReserved || $0.status == .reserved }.sorted { $1.id.bits < $0.id.bits }
    }

    /// A row that is not final may be behind; Redis' word is newer.
    private func refreshed(_ rows: [Booking]) async throws -> [Booking] {
        let open = rows.filter { !$0.status.isFinal }.compactMap { row in row.id.shard.map { (row.id, $0) } }
        guard let live = try? await services.engine.bookings(open) else { return rows }
        var byID: [BookingID: Booking] = [:]
        for case let booking? in live { byID[booking.id] = booking }
        return rows.map { row in
            guard let newer = byID[row.id], newer.version > row.version else { return row }
            return newer
        }
    }

    // MARK: Cancel

    func cancel(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        let id: BookingID = try context.id()
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request, isRequired: false)
        try EmptyRequest.check(json: body)
        let headers = try await services.limiter.admit("booking_cancel", user: token, request, context)
        guard let shard = id.shard else { throw Self.notFound }
        // Redis knows the tenant; the command only carries it on, so it is read with the booking.
        let booking = try await booking(id, of: token.user)
        let command = CancelCommand(
            operation: .make(nowMs: BookingEngine.wallClockMs(), shard: shard), booking: id, user: token.user, tenant: booking.tenant)
        let outcome: AcceptOutcome
        do {
            outcome = try await services.engine.acceptCancel(
                command, shard: shard, idempotencyKey: key, bodyHash: JSONBody.hash(body), trace: context.trace.headerText)
        } catch {
            throw APIError.unavailable("The cancellation cannot be taken just now; it is safe to send it again.")
        }
        switch outcome {
        case .accepted(let operation, let entry):
            if let entry { _ = await services.publisher.publish(entry) }
            return Answer.accepted(operation, resource: "/api/v1/bookings/\(id)", isReplay: false, headers: headers)
        case .replayed(let operation):
            return Answer.accepted(operation, resource: "/api/v1/bookings/\(id)", isReplay: true, headers: headers)
        case .keyReused: throw APIError.keyReused
        case .notYours: throw Self.notFound
        case .outboxFull: throw APIError.unavailable()
        case .ticketUsed: throw APIError.ticketUsed
        case .missing: throw Self.notCancellable(booking.status)
        case .wrongState(let status): throw Self.notCancellable(status)
        case .paymentOpen:
            throw APIError(
                .invalidState, "A payment of this booking is open; it cannot be cancelled until that has ended.", field: "id",
                reason: "has an open payment")
        }
    }

    // MARK: Operations

    func operation(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, user, headers) = try await followOperation(request, context)
        return try await StatusReader(waiters: services.waiters).answer(request, { id.bits }, headers: headers) {
            try await operation(id, of: user)
        }
    }

    func operationStream(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, user, headers) = try await followOperation(request, context)
        return try await StatusReader(waiters: services.waiters).stream(request, { id.bits }, name: "operation", headers: headers) {
            try await operation(id, of: user)
        }
    }

    private func followOperation(_ request: Request, _ context: IngressContext) async throws -> (OperationID, UserID, HTTPFields) {
        let token = try services.authenticate(request)
        let id: OperationID = try context.id()
        let headers = try await services.limiter.admit("operation", user: token, request, context)
        return (id, token.user, headers)
    }

    /// From Redis, else PostgreSQL, else 404.
    private func operation(_ id: OperationID, of user: UserID) async throws -> Operation {
        var isRedisAway = false
        do {
            if let operation = try await services.engine.operation(id) {
                guard operation.user == user else { throw Self.operationNotFound }
                return operation
            }
        } catch is EngineError {
            isRedisAway = true
        }
        do {
            if let operation = try await services.bookings.operation(id, of: user) { return operation }
        } catch {
            throw APIError.unavailable()
        }
        throw isRedisAway ? APIError.unavailable() : Self.operationNotFound
    }

    private static let notFound = APIError(.notFound, "There is no such booking.", field: "id", reason: "is unknown")
    private static let operationNotFound = APIError(.notFound, "There is no such operation.", field: "id", reason: "is unknown")

    private static func notCancellable(_ status: BookingStatus) -> APIError {
        APIError(
            .invalidState, "Only a reserved booking can be cancelled; this one is \(status.rawValue).", field: "id", reason: "is \(status.rawValue)")
    }
}
