public import CurlClient
public import PersonalData
public import Tickets
public import WorkerRuntime

extension CurlError: ClassifiedError {
    /// As the client says: "later" is tried again, a server that is away is waited for.
    public var failure: Failure {
        // Both name the same four dispositions.
        Failure(
            Failure.Disposition(rawValue: disposition.rawValue) ?? .retry, label: "send_\(label)", message: description,
            isIsolated: isOfRecipient)
    }

    /// Whether the mail server wants a mail later for its recipient's sake: a full mailbox, greylisting. A final word of policy (554 5.7.1, "relay
    /// denied") is about us.
    private var isOfRecipient: Bool {
        guard code == .later, let reply, reply.stage == .recipient else { return false }
        return reply.code < 500 || !reply.isPolicy
    }

    public var site: String? { "\(file):\(line)" }
}

extension PersonalDataError: ClassifiedError {
    /// One row that cannot be read ends among the dead letters; with a wrong key all fail, which the runtime takes for an outage.
    public var failure: Failure { Failure(.retry, label: "personal_data_\(label)", message: description) }

    public var site: String? { "\(file):\(line)" }
}

extension TicketError: ClassifiedError {
    /// A fault of ours or of the settings: a person has to look.
    public var failure: Failure { Failure(isFatal ? .fatal : .deadLetter, label: "ticket_\(label)", message: description) }

    public var site: String? { "\(file):\(line)" }
}

extension WebhookRefusal: ClassifiedError {
    /// It asked for another try.
    public var failure: Failure { Failure(.retry, label: "webhook_\(status / 100)xx", message: description, isIsolated: true) }
}

extension UnreachableEndpoint: ClassifiedError {
    /// It is one user's own, and no reason to keep anybody else waiting.
    public var failure: Failure { Failure(.retry, label: "webhook_unreachable", message: description, isIsolated: true) }

    public var site: String? { cause.site }
}
