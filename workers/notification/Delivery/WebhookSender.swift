import Crypto
import CurlClient
import Domain

/// Hands texts for telephones and push messages on by webhook, signed as Standard Webhooks 1.0 has it (`webhook-id`, `webhook-timestamp`,
/// `webhook-signature: v1,` and the base 64 of HMAC-SHA256 over `id.timestamp.body`).
struct WebhookSender: Sendable {
    /// How often a push endpoint that cannot be reached is tried: as often as the retry topics deliver a message.
    static let tries = 4

    private let client: CurlClient
    private let key: SymmetricKey
    /// Takes the SMS; nil when there is none.
    private let smsURL: String?
    /// Whether a push endpoint may be plain HTTP; for development.
    private let allowsPlain: Bool
    private let now: @Sendable () -> Timestamp

    /// - Parameter client: must connect to public addresses only, unless this is development: push endpoints come from users.
    init(client: CurlClient, secret: String, smsURL: String?, allowsPlain: Bool, now: @escaping @Sendable () -> Timestamp) {
        self.client = client
        key = SymmetricKey(data: Array(secret.utf8))
        self.smsURL = smsURL
        self.allowsPlain = allowsPlain
        self.now = now
    }

    /// Hands one message on.
    /// - Returns: how it ended, where that is decided.
    /// - Throws: `CurlError`, ``WebhookRefusal`` or, for push, ``UnreachableEndpoint`` for what another try may mend.
    func send(_ letter: Letter, to address: String, _ script: TemplateBook.Script) async throws -> Verdict {
        let isPush = letter.channel == .push
        guard let url = isPush ? address : smsURL else { return .failed("not_configured") }
        guard url.hasPrefix("https://") || (allowsPlain && url.hasPrefix("http://")) else { return .failed("bad_address") }
        var body = JSONWriter()
        body.object {
            $0.member("id", letter.messageID)
            $0.member("channel", letter.channel.rawValue)
            $0.member("template", letter.notice.occasion.template(for: letter.channel))
            $0.member("locale", letter.recipient.locale.rawValue)
            if isPush { $0.member("title", script.subject) } else { $0.member("to", address) }
            $0.member("text", script.short)
            $0.member("entity_type", letter.notice.entityType)
            $0.member("entity_id", letter.notice.entityID)
        }
        let seconds = String(now().ms / 1000)
        let request = HTTPRequest(
            method: .post, url: url,
            headers: [
                ("Content-Type", "application/json"), ("webhook-id", letter.messageID), ("webhook-timestamp", seconds),
                ("webhook-signature", "v1,\(signature(letter.messageID, seconds, body.bytes))"),
            ], body: body.bytes)
        switch try await answer(to: request) {
        case .status(200..<300): return .sent
        case .forbidden: return .failed("forbidden_address")
        case .invalid: return .failed("bad_address")
        // Our own provider is waited for; a user's endpoint that is gone must not hold up anybody else.
        case .unreachable(let error) where !isPush: throw error
        case .unreachable(let error):
            guard letter.attempt < Self.tries else { return .failed("unreachable") }
            throw UnreachableEndpoint(cause: error)
        // The endpoint is there and wants the message later, or is in trouble.
        case .status(let status) where status >= 500 || [408, 425, 429].contains(status): throw WebhookRefusal(status: status)
        // Our own provider refuses us, which is nobody's number's fault: the message ends among the dead letters, to be sent anew.
        case .status(let status) where !isPush && [401, 403, 404, 410].contains(status): throw WebhookRefusal(status: status)
        case .status(404), .status(410): return .failed("bad_address")
        case .status: return .failed("refused")
        }
    }

    private enum Answer {
        case status(Int)
        /// The URL leads to where it must not.
        case forbidden
        /// The URL is none.
        case invalid
        /// Nothing usable came from there.
        case unreachable(CurlError)
    }

    private func answer(to request: HTTPRequest) async throws(CurlError) -> Answer {
        do throws(CurlError) {
            return .status(try await client.send(request).status)
        } catch {
            switch error.code {
            case .forbiddenAddress: return .forbidden
            case .invalidRequest: return .invalid
            case .notResolved, .notConnected, .tls, .timeout, .connectionLost, .protocolViolation: return .unreachable(error)
            default: throw error
            }
        }
    }

    private func signature(_ id: String, _ seconds: String, _ body: [UInt8]) -> String {
        Base64.encode(Array(HMAC<SHA256>.authenticationCode(for: Array("\(id).\(seconds).".utf8) + body, using: key)))
    }
}

/// A webhook that was answered with "later", or our own provider's refusal of us.
struct WebhookRefusal: Error, CustomStringConvertible {
    let status: Int

    var description: String { "the webhook was answered with \(status)" }
}

/// A push endpoint that gave no usable answer.
struct UnreachableEndpoint: Error, CustomStringConvertible {
    let cause: CurlError

    var description: String { "the push endpoint cannot be reached: \(cause)" }
}
