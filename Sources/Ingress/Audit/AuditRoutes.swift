import AuditLog
import Domain
import Hummingbird
import PostgresClient

/// `GET /admin/audit-logs`: who did what to what, newest first.
///
/// Pages go on behind the last row that was seen (`cursor`, from `meta.next_cursor`), so what is added meanwhile moves nothing. `page` counts from the newest
/// row, as in other lists, as far as ``AuditSearch/counted`` rows.
struct AuditRoutes: Sendable {
    private static let parameters: Set<Substring> = [
        "actor", "action", "entity", "entity_id", "tenant", "request_id", "from", "to", "cursor", "page", "per_page",
    ]

    let gate: AdminGate
    let search: AuditSearch
    /// Returns once an entry is written.
    let audit: @Sendable (AuditEntry) async throws -> Void

    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("audit_logs", request, context)
        let query = request.uri.queryParameters
        try request.checkQuery(knows: Self.parameters)
        let page = try Page(request)
        let filter = try Self.filter(request)
        var cursor: AuditCursor?
        if let text = query["cursor"] {
            cursor = AuditCursor(text)
            if cursor == nil { throw Self.fault("cursor", "must be the next_cursor of a page") }
            if query["page"] != nil { throw Self.fault("page", "goes without a cursor") }
        }
        if page.offset >= AuditSearch.counted {
            throw Self.fault("page", "must be within the first \(AuditSearch.counted) rows; go on with the cursor")
        }
        // Who looks is on record too; it is told while the rows are looked up.
        async let noted: Void = note(pass, request)
        let found: AuditSearch.Page
        do {
            found = try await search.page(filter, after: cursor, offset: page.offset, limit: page.size)
        } catch {
            gate.services.logger.warning("the audit cannot be read", metadata: ["error": "\(error)"])
            throw APIError.unavailable()
        }
        try await noted
        let body = Answer.body(data: { $0.array { for row in found.rows { Self.write(&$0, row) } } }) {
            if cursor == nil { $0.member("page", page.number) }
            $0.member("per_page", page.size)
            if let total = found.total {
                $0.member("total", total)
                $0.member("total_is_exact", found.totalIsExact)
            }
            $0.member("next_cursor", ifPresent: found.next?.description)
        }
        var headers = pass.headers
        headers[.contentType] = "application/json"
        return Response(PlainResponse(status: .ok, headers: headers, body: body))
    }

    private func note(_ pass: AdminGate.Pass, _ request: Request) async throws(APIError) {
        var asked = JSONWriter()
        asked.object { $0.member("query", String((request.uri.query ?? "").prefix(1024))) }
        let entry = AuditEntry(
            actor: .user(pass.token.user), action: "audit.read", entity: "audit_logs", entityID: "all", outcome: .accepted, new: asked.bytes,
            origin: pass.origin, at: .now)
        do {
            try await audit(entry)
        } catch {
            throw .unavailable("What is read here is audited, and the audit cannot be written just now.")
        }
    }

    private static func filter(_ request: Request) throws(APIError) -> AuditFilter {
        let query = request.uri.queryParameters
        func text(_ name: Substring) throws(APIError) -> String? {
            guard let text = query[name] else { return nil }
            guard !text.isEmpty, text.utf8.count <= AuditRecord.longestText, !text.utf8.contains(0) else {
                throw fault(name, "must be 1 to \(AuditRecord.longestText) bytes without NUL")
            }
            return String(text)
        }
        func time(_ name: Substring) throws(APIError) -> Timestamp? {
            guard let text = try text(name) else { return nil }
            guard let time = Timestamp(rfc3339: text) else { throw fault(name, "must be a time like 2026-11-21T10:00:00Z") }
            return time
        }
        var filter = AuditFilter()
        filter.actor = try text("actor")
        filter.action = try text("action")
        filter.entity = try text("entity")
        filter.entityID = try text("entity_id")
        filter.requestID = try text("request_id")
        (filter.from, filter.until) = (try time("from"), try time("to"))
        if let from = filter.from, let until = filter.until, from > until { throw fault("from", "must not be after to") }
        if let tenant = try text("tenant") {
            filter.tenant = TenantID(tenant)
            if filter.tenant == nil { throw fault("tenant", "must be a UUID") }
        }
        return filter
    }

    private static func fault(_ field: Substring, _ reason: String) -> APIError {
        APIError(.validation, "The request is not valid.", field: String(field), reason: reason)
    }

    private static func write(_ writer: inout JSONWriter, _ row: AuditRow) {
        let record = row.record
        writer.object {
            $0.member("at", record.at.description)
            $0.member("actor", record.actor)
            $0.member("action", record.action)
            $0.member("entity", record.entity)
            $0.member("entity_id", record.entityID)
            $0.member("outcome", record.outcome.rawValue)
            $0.member("tenant_id", record.tenant)
            if let old = record.old {
                $0.key("old")
                $0.raw(old)
            }
            if let new = record.new {
                $0.key("new")
                $0.raw(new)
            }
            $0.member("address", ifPresent: record.address)
            $0.member("agent", ifPresent: record.agent)
            $0.member("request_id", ifPresent: record.requestID)
            $0.member("trace_id", ifPresent: record.traceID)
            $0.key("source")
            $0.object {
                $0.member("topic", record.source.topic)
                $0.member("partition", Int(record.source.partition))
                $0.member("offset", record.offset)
                $0.member("seq", row.seq)
                $0.member("hash", row.hashText)
            }
        }
    }
}
