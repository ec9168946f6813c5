import Foundation
import LocalStack
import TestSupport

/// The simulator's tokens, each with a fate of its own.
enum GatewayToken {
    static let succeeds = "pm_card_visa"
    static let declined = "pm_card_chargeDeclined"
    /// Completes later, by webhook.
    static let wallet = "pm_sim_walletSuccess"
    /// The buyer refuses later.
    static let walletRefused = "pm_sim_walletFailure"
    /// Completes later, by webhook.
    static let bank = "pm_sim_bankSuccess"
    /// Declined, and a webhook with the right signature says the contrary.
    static let lying = "pm_sim_webhookLies"
    /// Declined, and a webhook with a wrong signature says the contrary.
    static let forged = "pm_sim_webhookForgedSuccess"
}

extension Client {
    /// Asks for a payment.
    func pay(
        _ booking: String, _ token: String = GatewayToken.succeeds, method: String = "card", key: String = newKey()
    ) async throws -> HTTPAnswer {
        try await pay(json: #"{"booking_id":"\#(booking)","method":"\#(method)","payment_token":"\#(token)"}"#, key: key)
    }

    /// Asks for a payment with a body as it is.
    func pay(json: String, key: String = newKey()) async throws -> HTTPAnswer {
        try await probe.post("/api/v1/payments", json: json, headers: [("Idempotency-Key", key)])
    }

    /// Reads a payment; with `etag` and `wait` it is a long-poll.
    func payment(_ id: String, etag: String? = nil, wait: Int? = nil) async throws -> HTTPAnswer {
        var headers: [(String, String)] = []
        if let etag { headers.append(("If-None-Match", etag)) }
        if let wait { headers.append(("Prefer", "wait=\(wait)")) }
        return try await probe.get("/api/v1/payments/\(id)", headers: headers)
    }

    /// A write that was accepted; a failure when it was not.
    struct Accepted: Sendable {
        let operation: String
        let resource: String
        let payment: String?
        let refund: String?

        /// - Throws: ``TestFailure`` for anything but a 202.
        init(_ answer: HTTPAnswer) throws {
            let data = answer.json["data"]
            guard answer.status == 202, let operation = data["operation_id"].string, let resource = data["resource"].string else {
                throw TestFailure("not accepted: \(answer.status) \(answer.text)")
            }
            (self.operation, self.resource, payment, refund) = (operation, resource, data["payment_id"].string, data["refund_id"].string)
        }
    }

    /// Waits, by long-polls, until an operation has ended.
    /// - Returns: its `data`.
    func outcome(of operation: String, limit: Duration = .seconds(60)) async throws -> JSONValue {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let answer = try await self.operation(operation, etag: "\"1\"", wait: 15)
            switch answer.status {
            case 200: return answer.json["data"]
            case 304, 429: continue
            default: throw TestFailure("operation \(operation): \(answer.status) \(answer.text)")
            }
        }
        throw TestFailure("operation \(operation) has not ended within \(limit)")
    }

    /// Reserves, pays by card, and waits until it is confirmed.
    /// - Returns: the booking's and the payment's id.
    func buy(_ zone: Event.Zone, quantity: Int = 1) async throws -> (booking: String, payment: String) {
        let held = try await hold(zone, quantity: quantity)
        let accepted = try Accepted(await pay(held.id))
        let ended = try await outcome(of: accepted.operation)
        guard ended["status"].string == "succeeded", let payment = accepted.payment else { throw TestFailure("not paid: \(ended)") }
        return (held.id, payment)
    }

    /// Waits until a booking says what is wanted.
    /// - Returns: its `data`.
    @discardableResult
    func booking(_ id: String, becomes what: String, limit: Duration = .seconds(60), _ holds: (JSONValue) -> Bool) async throws -> JSONValue {
        try await settled("booking \(id) \(what)", limit) {
            try await booking(id)
        } holds: {
            holds($0)
        }
    }

    /// Waits until a payment says what is wanted.
    /// - Returns: its `data`.
    @discardableResult
    func payment(_ id: String, becomes status: String, limit: Duration = .seconds(60)) async throws -> JSONValue {
        try await settled("payment \(id) is \(status)", limit) {
            try await payment(id)
        } holds: {
            $0["status"].string == status
        }
    }

    private func settled(
        _ what: String, _ limit: Duration, _ read: () async throws -> HTTPAnswer, holds: (JSONValue) -> Bool
    ) async throws -> JSONValue {
        var data = JSONValue.null
        do {
            // Slow enough for the limit on reads.
            try await waitUntil(what, limit: limit, pause: .milliseconds(700)) {
                data = try await read().json["data"]
                return holds(data)
            }
        } catch {
            throw TestFailure("\(error); it is \(data)")
        }
        return data
    }
}

extension Installation {
    /// The tenant of every event that tests seed.
    func tenant() async throws -> String {
        guard let id = try await psql("SELECT id FROM tenants WHERE slug = 'tests'").first?.first else { throw TestFailure("no tenant of the tests") }
        return id
    }

    /// Somebody with a role; an organiser of the tests' tenant where no other is named.
    func staff(_ role: String = "organizer", tenant: String? = nil) async throws -> Client {
        let own = try await self.tenant()
        let token = try await rushctl("token", "--role", role, "--ttl", "3600", "--tenant", tenant ?? own)
        return Client(user: try User(token: token.trimmingCharacters(in: .whitespacesAndNewlines)), probe: try stack.probe())
    }

    /// A webhook, signed as the gateway signs (Stripe: HMAC-SHA256 over `timestamp.body`).
    func webhook(_ body: String, secondsAgo: Int = 0, secret: String? = nil) async throws -> HTTPAnswer {
        let secret = secret ?? stack.endpoints.paymentWebhookSecret
        let time = Int(WallClock.now.ms / 1000) - secondsAgo
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("webhook-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("\(time).\(body)".utf8).write(to: file)
        let output = try await Command.run("/usr/bin/openssl", ["dgst", "-sha256", "-hmac", secret, "-r", file.path], environment: [:])
        guard output.status == 0, let digest = output.text.split(separator: " ").first else { throw TestFailure("openssl: \(output.errors)") }
        return try await webhook(body, signature: "t=\(time),v1=\(digest)")
    }

    /// A webhook with a signature as it is.
    func webhook(_ body: String, signature: String?) async throws -> HTTPAnswer {
        try await stack.probe().post("/api/v1/payments/webhook", json: body, headers: signature.map { [("Stripe-Signature", $0)] } ?? [])
    }
}
