import DeadLetters
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Topics

/// `/admin/dlq`: what was given up, grouped, listed and shown; sent again, put aside, exported and taken in.
struct DeadLetterRoutes: Sendable {
    /// Longest import by HTTP, in bytes; `rushctl dlq import` takes any.
    static let longestImport = 256 * 1024

    /// Dead letters that a dry run looks at one by one, at most, and at a time.
    private static let (lookedAt, portion) = (10_000, 1_000)

    let gate: AdminGate
    let desk: DeadLetterDesk
    /// Writes an entry and returns once Kafka has it.
    let audit: @Sendable (AuditEntry) async throws -> Void

    // MARK: Reading

    func groups(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("dlq_groups", request, context)
        let filter = try AdminFilter(request).deadLetters(prefix: "")
        // What nobody has dealt with, unless something else is asked for.
        var wanted = filter
        wanted.status = filter.status ?? .open
        let chosen = wanted
        let rows = try await reading { try await desk.groups(chosen).map { try AdminJSON.encode($0) } }
        return Answer.success(headers: pass.headers) { $0.array { for row in rows { $0.raw(row) } } }
    }

    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("dlq_messages", request, context)
        let filter = try AdminFilter(request).deadLetters(prefix: "")
        let page = try Page(request)
        let found = try await reading {
            let found = try await desk.list(filter, page: page.number, perPage: page.size)
            return (rows: try found.letters.map { try AdminJSON.encode($0) }, total: Int64(found.total))
        }
        return Answer.page(page, total: found.total, headers: pass.headers) { for row in found.rows { $0.raw(row) } }
    }

    func one(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("dlq_message", request, context)
        let place = try Self.place(context)
        try await noted("dlq.show", place.description, new: nil, pass)
        let found = try await reading { try await desk.show(place) }
        let (details, decoded) = (try AdminJSON.encode(found), Self.decoded(found.value?.text))
        return Answer.success(headers: pass.headers) {
            $0.object {
                $0.key("dead_letter")
                $0.raw(details)
                $0.key("decoded")
                if let decoded { $0.raw(decoded) } else { $0.null() }
            }
        }
    }

    /// A value that is JSON, as JSON.
    private static func decoded(_ text: String?) -> [UInt8]? {
        guard let text else { return nil }
        var reader = JSONReader(Array(text.utf8))
        guard let value = try? reader.value(), (try? reader.end()) != nil else { return nil }
        return value
    }

    private static func place(_ context: IngressContext) throws(APIError) -> DeadLetterPlace {
        func invalid(_ field: String, _ reason: String) -> APIError {
            APIError(.validation, "The request is not valid.", field: field, reason: reason)
        }
        let topic = context.parameters.get("topic") ?? ""
        guard let partition = context.parameters.get("partition").flatMap({ Int32($0) }), partition >= 0 else {
            throw invalid("partition", "must be a number from 0 on")
        }
        guard let offset = context.parameters.get("offset").flatMap({ Int64($0) }), offset >= 0 else {
            throw invalid("offset", "must be a number from 0 on")
        }
        guard Topic(rawValue: topic) != nil, topic.hasSuffix(".dlq") else { throw invalid("topic", "is no topic of dead letters") }
        return DeadLetterPlace(topic: topic, partition: partition, offset: offset)
    }

    // MARK: Asking for

    func redrive(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (pass, key, body, wish) = try await wish(.redrive, "dlq_redrive", request, context)
        let filter = try wish.filter.deadLetters(prefix: "filter.")
        if wish.isDryRun {
            return try await plan(filter, maxRedrives: wish.maxRedrives, pass)
        }
        let json = try AdminJSON.encode(filter.untilNow)
        return try await gate.accept(
            .redrive(.init(filter: json, maxRedrives: wish.maxRedrives, rate: wish.rate)), key: key, body: body, pass)
    }

    func discard(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (pass, key, body, wish) = try await wish(.discard, "dlq_discard", request, context)
        let filter = try wish.filter.deadLetters(prefix: "filter.")
        let reason = wish.reason ?? ""
        if wish.isDryRun {
            return try await plan(filter, maxRedrives: nil, pass)
        }
        return try await gate.accept(.discard(.init(filter: try AdminJSON.encode(filter.untilNow), reason: reason)), key: key, body: body, pass)
    }

    /// What a redrive or a discard would be about: why they failed, and what would stay. By the index alone, which the ops worker keeps up to date, since
    /// this process may only read.
    /// - Parameter maxRedrives: nil for a discard, from which nothing stays.
    private func plan(_ filter: DeadLetterFilter, maxRedrives: Int?, _ pass: AdminGate.Pass) async throws -> Response {
        if let status = filter.status, status != .open {
            throw APIError(.validation, "The request is not valid.", field: "filter.status", reason: "must be open, or absent")
        }
        var open = filter
        open.status = .open
        let chosen = open
        let (reasons, matched, stayed): ([[UInt8]], Int, Int?) = try await reading {
            let reasons = try await desk.groups(chosen)
            let matched = reasons.reduce(0) { $0 + $1.count }
            return (try reasons.map { try AdminJSON.encode($0) }, matched, try await countStayed(chosen, matched, maxRedrives))
        }
        return Answer.success(headers: pass.headers) {
            $0.object {
                $0.member("dry_run", true)
                $0.member("matched", matched)
                if maxRedrives != nil {
                    $0.key("stayed")
                    if let stayed { $0.int(Int64(stayed)) } else { $0.null() }
                }
                $0.key("reasons")
                $0.array { for reason in reasons { $0.raw(reason) } }
            }
        }
    }

    /// How many were redriven too often; nil where there are too many to look at.
    private func countStayed(_ filter: DeadLetterFilter, _ matched: Int, _ maxRedrives: Int?) async throws -> Int? {
        guard let maxRedrives, matched <= Self.lookedAt else { return nil }
        var stayed = 0
        for page in stride(from: 0, to: matched, by: Self.portion) {
            let (letters, _) = try await desk.list(filter, page: page / Self.portion + 1, perPage: Self.portion)
            stayed += letters.count { $0.redrives >= maxRedrives }
        }
        return stayed
    }

    func export(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (pass, _, _, wish) = try await wish(.export, "dlq_export", request, context)
        let filter = try wish.filter.deadLetters(prefix: "filter.")
        try await noted("dlq.export", "all", new: try AdminJSON.encode(filter), pass)
        var headers = pass.headers
        headers[.contentType] = "application/x-ndjson"
        let desk = desk
        return Response(
            status: .ok, headers: headers,
            body: .init { writer in
                // An error here cuts the answer off, which a client of chunked answers sees.
                var writer = writer
                try await desk.export(filter) { line in try await writer.write(ByteBuffer(string: line + "\n")) }
                try await writer.finish(nil)
            })
    }

    func take(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("dlq_import", request, context)
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.lowercased()
        guard type == "application/x-ndjson" else {
            throw APIError(.unsupportedMediaType, "The body must be NDJSON.", field: "Content-Type", reason: "must be application/x-ndjson")
        }
        let body: [UInt8]
        do {
            body = Array(try await request.body.collect(upTo: Self.longestImport).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw APIError(
                .payloadTooLarge, "The body is larger than 256 KiB; `rushctl dlq import` takes more.", field: "body",
                reason: "must be at most \(Self.longestImport) bytes")
        }
        guard let text = String(validating: body, as: UTF8.self) else {
            throw APIError(.validation, "The request is not valid.", field: "body", reason: "is not UTF-8")
        }
        var isEmpty = true
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            isEmpty = false
            do throws(JSONError) {
                var reader = JSONReader(Array(line.utf8))
                try reader.object { (_, value) throws(JSONError) in try value.skip() }
                try reader.end()
            } catch {
                throw APIError(.validation, "The request is not valid.", field: "line \(number + 1)", reason: error.reason)
            }
        }
        if isEmpty { throw APIError(.validation, "The request is not valid.", field: "body", reason: "must have a line") }
        return try await gate.accept(.importing(ndjson: text), key: key, body: body, pass)
    }

    // MARK: The parts

    private func wish(
        _ kind: DeadLetterWish.Kind, _ endpoint: String, _ request: Request, _ context: IngressContext
    ) async throws -> (AdminGate.Pass, key: String?, body: [UInt8], DeadLetterWish) {
        let pass = try await gate.enter(endpoint, request, context)
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request)
        return (pass, key, body, try DeadLetterWish(kind, json: body))
    }

    /// What shows people's data is on record before it is shown.
    private func noted(_ action: String, _ id: String, new: [UInt8]?, _ pass: AdminGate.Pass) async throws(APIError) {
        let entry = AuditEntry(
            actor: .user(pass.token.user), action: action, entity: "dead_letters", entityID: id, outcome: .accepted, new: new,
            origin: pass.origin, at: .now)
        do {
            try await audit(entry)
        } catch {
            throw .unavailable("What is read here is audited, and the audit cannot be written just now.")
        }
    }

    /// Stores being away is a 503.
    private func reading<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as DeadLettersError where error.code == .notFound {
            throw APIError(.notFound, "There is no such dead letter.", field: "offset", reason: "is unknown")
        } catch {
            gate.services.logger.warning("dead letters cannot be read", metadata: ["error": "\(error)"])
            throw APIError.unavailable()
        }
    }
}

extension DeadLetterFilter {
    /// The same for what had failed when it was asked for: what is redriven and fails again is news, not part of the same wish.
    fileprivate var untilNow: DeadLetterFilter {
        var copy = self
        copy.until = min(until ?? .now, .now)
        return copy
    }
}

extension AdminFilter {
    /// - Parameter prefix: what stands before a field's name in a refusal.
    func deadLetters(prefix: String) throws(APIError) -> DeadLetterFilter {
        func invalid(_ field: String, _ reason: String) -> APIError {
            APIError(.validation, "The request is not valid.", field: prefix + field, reason: reason)
        }
        var filter = DeadLetterFilter()
        filter.group = texts["group"]
        filter.errorClass = texts["error_class"]
        filter.site = texts["site"]
        filter.type = texts["type"]
        filter.key = texts["key"]
        filter.text = texts["text"]
        filter.since = try time("since", prefix: prefix)
        filter.until = try time("until", prefix: prefix)
        if let group = filter.group, Topic.deadLetters(of: group) == nil { throw invalid("group", "is no consumer group of this product") }
        if let status = texts["status"] {
            guard let known = DeadLetterFilter.Status(rawValue: status) else { throw invalid("status", "must be open, redriven or discarded") }
            filter.status = known
        }
        for text in places {
            guard let place = DeadLetterPlace(text) else { throw invalid("places", "must hold places like payment.dlq/3/17") }
            filter.places.append(place)
        }
        return filter
    }
}
