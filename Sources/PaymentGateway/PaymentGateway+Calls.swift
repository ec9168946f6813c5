import CurlClient
import Domain

/// One call of the API; a read has no form and no key.
struct GatewayCall {
    let operation: String
    let path: String
    var form: FormBody?
    var idempotencyKey: String?

    var isWrite: Bool { form != nil }
}

extension PaymentGateway {
    /// A call that answers an intent.
    func intent(_ call: GatewayCall) async throws(GatewayError) -> Intent {
        let response = try await perform(call)
        return try read(response, call) { body throws(JSONError) in try GatewayJSON.intent(body) }
    }

    /// A call that changes an intent: a decline or a refusal because of its state is the intent as it is, read if it did not come along.
    func change(_ id: String, _ call: GatewayCall) async throws(GatewayError) -> Intent {
        do {
            return try checked(await intent(call), is: id, operation: call.operation)
        } catch let error {
            guard let refusal = error.underlying as? IntentRefusal else { throw error }
            if let intent = refusal.intent { return try checked(intent, is: id, operation: call.operation) }
            let current: Intent
            do { current = try await self.intent(id) } catch let other { throw other.withUnknownFate(error.isFateUnknown) }
            guard let answer = refusal.answer(current) else { throw error }
            return answer
        }
    }

    /// A gateway that answers with another intent than the one asked for must not be believed.
    func checked(_ intent: Intent, is id: String, operation: String) throws(GatewayError) -> Intent {
        guard intent.id == id else {
            throw GatewayError(
                code: .unexpectedReply, operation: operation, message: "the answer is about another intent", isFateUnknown: operation != "read intent"
            )
        }
        return intent
    }

    /// The object in a 2xx answer.
    func read<Value>(
        _ response: HTTPResponse, _ call: GatewayCall, _ body: ([UInt8]) throws(JSONError) -> Value
    ) throws(GatewayError) -> Value {
        do {
            return try body(response.body)
        } catch {
            throw GatewayError(
                code: .unexpectedReply, operation: call.operation, message: "\(error.field) \(error.reason)", status: response.status,
                requestID: response.header("request-id"), isFateUnknown: call.isWrite, underlying: error)
        }
    }

    /// Makes a call, again where that is safe and may help, within `maxAttempts` and `retryWindow`.
    /// - Returns: a 2xx answer.
    func perform(_ call: GatewayCall) async throws(GatewayError) -> HTTPResponse {
        let end = ContinuousClock.now + configuration.retryWindow
        var isUnknown = false
        var attempt = 1
        while true {
            do {
                return try await attemptOnce(call)
            } catch let error {
                isUnknown = isUnknown || error.isFateUnknown
                let final = error.withUnknownFate(isUnknown)
                guard attempt < configuration.maxAttempts, error.isWorthAnotherTry, let pause = pause(after: error, attempt: attempt),
                    ContinuousClock.now + pause < end
                else { throw final }
                logger.debug(
                    "gateway call is repeated",
                    metadata: [
                        "gateway.operation": "\(call.operation)", "gateway.error": "\(error.label)", "attempt": "\(attempt)",
                        "pause.ms": "\(pause.milliseconds)",
                    ])
                do { try await Task.sleep(for: pause) } catch { throw final }
                attempt += 1
            }
        }
    }

    private func attemptOnce(_ call: GatewayCall) async throws(GatewayError) -> HTTPResponse {
        let (granted, wait) = breaker.withLock { $0.request(now: .now) }
        guard let permit = granted else {
            throw GatewayError(
                code: .unavailable, operation: call.operation, message: "the circuit is open: the gateway failed too often", retryAfter: wait,
                underlying: CircuitOpen())
        }
        do {
            let response = try await answer(call)
            breaker.withLock { $0.succeeded(permit) }
            return response
        } catch let error {
            note(error, permit)
            throw error
        }
    }

    private func note(_ error: GatewayError, _ permit: CircuitBreaker.Permit) {
        breaker.withLock { breaker in
            if error.isGatewayFailure {
                breaker.failed(permit, now: .now)
            } else if error.status != nil {
                breaker.succeeded(permit)
            } else {
                breaker.abandoned(permit, now: .now)
            }
        }
    }

    private func answer(_ call: GatewayCall) async throws(GatewayError) -> HTTPResponse {
        let response: HTTPResponse
        do {
            response = try await http.send(request(call))
        } catch {
            throw GatewayError.transport(error, operation: call.operation, isWrite: call.isWrite)
        }
        if (200..<300).contains(response.status) { return response }
        let reply = ErrorReply(response.body)
        let error = ErrorReply.error(response, reply, operation: call.operation, isWrite: call.isWrite)
        throw IntentRefusal(error, reply).map { error.with(underlying: $0) } ?? error
    }

    private func request(_ call: GatewayCall) -> HTTPRequest {
        var headers = [("Authorization", "Bearer \(configuration.secretKey)"), ("Accept", "application/json")]
        if let version = configuration.apiVersion { headers.append(("Stripe-Version", version)) }
        if let key = call.idempotencyKey { headers.append(("Idempotency-Key", key)) }
        guard let form = call.form else {
            return HTTPRequest(method: .get, url: configuration.baseURL + call.path, headers: headers)
        }
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        return HTTPRequest(method: .post, url: configuration.baseURL + call.path, headers: headers, body: form.bytes)
    }

    /// How long to wait before the next try; nil when it is not worth it.
    private func pause(after error: GatewayError, attempt: Int) -> Duration? {
        if error.underlying is CircuitOpen { return nil }
        if let asked = error.retryAfter, asked > configuration.backoffMaximum { return nil }
        let doubled = min(configuration.backoffMinimum * (1 << min(attempt - 1, 16)), configuration.backoffMaximum)
        return max(error.retryAfter ?? .zero, doubled * Double.random(in: 0.5...1))
    }
}

/// Why nothing was sent: the circuit is open.
struct CircuitOpen: Error {}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
