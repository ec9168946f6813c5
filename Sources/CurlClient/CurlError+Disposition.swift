import CCurl

extension CurlError {
    /// What a message handler should do about an error.
    public enum Disposition: String, Sendable {
        /// Try this again soon.
        case retry
        /// Trying again cannot help: the request itself is wrong.
        case deadLetter = "dead_letter"
        /// The peer is away: pause until it is back.
        case outage
        /// The process cannot go on as it is configured.
        case fatal
    }

    /// What a message handler should do about this error. This file is the one place that decides it.
    public var disposition: Disposition {
        switch code {
        case .notResolved: .outage  // no name server, or a name that is gone; another request would fare no better
        case .notConnected: .outage  // nobody listens
        case .tls: .outage  // an expired certificate is renewed by somebody else; nothing was sent
        case .timeout: .retry  // it may be this request alone that is slow
        case .connectionLost: .retry  // a keep-alive connection may end at any time
        case .protocolViolation: .retry  // a gateway's intermediary at fault; the next connection starts clean
        case .tooLarge: .deadLetter  // the same request gets the same answer
        case .refused: .deadLetter  // the server has said that it will never take it
        case .later: .retry  // greylisting, a full mailbox, a limit of the server's
        case .unavailable: .outage  // no mail fares better at the moment
        case .unauthorized: .outage  // no mail is to blame; an operator has to look at the settings
        case .forbiddenAddress: .deadLetter  // the URL leads there again
        case .overloaded: .retry  // our own queue is full for a moment
        case .cancelled: .retry  // the caller gave up, not the peer
        case .invalidRequest: .deadLetter  // the request itself is wrong
        case .stopped: .outage  // this process is going down; the message belongs to the next one
        case .system: .fatal  // no thread or memory left to work with
        }
    }

    /// The code of a mail that did not go: by what the server said last where it refused, else by what libcurl says.
    static func code(of result: CURLcode, reply: SMTPReply) -> Code {
        let transport = code(of: result, wasSent: true)
        switch transport {
        case .notResolved, .notConnected, .timeout, .invalidRequest, .system, .tls: return transport
        default: break
        }
        guard reply.code >= 400 else { return transport }
        let isPermanent = reply.code >= 500
        switch reply.stage {
        case _ where reply.code == 421: return .unavailable  // the server is about to close, whatever was asked
        case .connect, .hello: return .unavailable  // it greets nobody at the moment, or never us
        case .encryption: return .tls
        case .authentication: return isPermanent ? .unauthorized : .unavailable
        case .sender where reply.code == 552: return .refused  // larger than it takes
        case .sender: return isPermanent ? .unauthorized : .later
        // 530 wants a login first; 5.7 is policy, mostly that we may not relay. No address is to blame, and no mail should be lost for that.
        case .recipient where reply.code == 530: return .unauthorized
        case .recipient where reply.isPolicy: return .later
        case .recipient, .content: return isPermanent ? .refused : .later
        }
    }

    /// The code for libcurl's. What is not listed is a fault of the exchange.
    static func code(of result: CURLcode, wasSent: Bool) -> Code {
        switch result {
        // Also what libcurl calls an answer that does not begin with HTTP: that is no fault of the request.
        case CURLE_UNSUPPORTED_PROTOCOL where wasSent: .protocolViolation
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .notResolved
        case CURLE_COULDNT_CONNECT: .notConnected
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED:
            .tls
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_LOGIN_DENIED: .unauthorized
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE: .connectionLost
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_FUNCTION_ARGUMENT: .invalidRequest
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT: .system
        default: .protocolViolation
        }
    }
}
