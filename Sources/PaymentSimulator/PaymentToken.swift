/// A payment method with a known fate.
struct PaymentToken: Sendable {
    /// Why a bank refuses.
    struct Decline: Sendable, Equatable {
        let code: String
        let declineCode: String?
        let message: String
    }

    /// What becomes of a confirmation, where the method is not one that takes its time.
    enum Outcome: Sendable {
        case succeeds
        case declined(Decline)
    }

    /// When what must take its time is over.
    enum Settlement: Sendable {
        /// At once for cards, after `--settle-ms` for other methods.
        case byMethod
        case later
        case never
    }

    /// How the confirmation is answered.
    enum Answer: Sendable {
        case normal
        /// Never, and nothing is done.
        case hangsBefore
        /// Never the first time, with nothing done; the next time as usual.
        case hangsOnce
        /// Never; the effect is there.
        case hangsAfter
        /// Never; the effect comes `--late-ms` later.
        case hangsThenEffect
        /// `--late-ms` late; the effect is there at once.
        case late
        /// 500 the first time, with nothing done; the next time as usual.
        case failsOnce
        /// Always 500; the effect is there.
        case failsAfter
        /// The connection is closed; the effect is there.
        case closesAfter
        /// Twice on the same connection, and the money is tried to be taken twice.
        case twice
        /// Only once the webhook was delivered.
        case afterWebhook
    }

    /// How the events of the confirmation are told.
    enum Events: Sendable {
        case normal
        case none
        case twice
        case late
        /// A stale `processing` after the end.
        case outOfOrder
        /// Besides, one with a wrong signature that says the contrary.
        case forged
        /// Besides, one with a right signature that says the contrary.
        case lying
    }

    /// What becomes of a refund.
    enum Refunds: Sendable {
        case atOnce
        case later
        case failLater
    }

    let name: String
    /// For the help text.
    let meaning: String
    var outcome = Outcome.succeeds
    var settlement = Settlement.byMethod
    var answer = Answer.normal
    var events = Events.normal
    var refunds = Refunds.atOnce
    /// Whether an intent that is `processing` can still be called off.
    var canCancelProcessing = true

    /// The payment method of that name.
    static func named(_ name: String) -> PaymentToken? { byName[name] }

    private static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    private static func declined(_ code: String, _ declineCode: String?, _ message: String) -> Outcome {
        .declined(Decline(code: code, declineCode: declineCode, message: message))
    }

    private static let generic = declined("card_declined", "generic_decline", "Your card was declined.")

    /// All there are: Stripe's own test names, and `pm_sim_…` for what only a simulator can do.
    static let all: [PaymentToken] = [
        PaymentToken(name: "pm_card_visa", meaning: "succeeds: a card at once, a bank transfer or wallet after --settle-ms"),
        PaymentToken(name: "pm_card_mastercard", meaning: "the same"),
        PaymentToken(name: "pm_card_chargeDeclined", meaning: "declined: card_declined, generic_decline", outcome: generic),
        PaymentToken(name: "pm_card_visa_chargeDeclined", meaning: "the same", outcome: generic),
        PaymentToken(
            name: "pm_card_chargeDeclinedInsufficientFunds", meaning: "declined: card_declined, insufficient_funds",
            outcome: declined("card_declined", "insufficient_funds", "Your card has insufficient funds.")),
        PaymentToken(
            name: "pm_card_chargeDeclinedExpiredCard", meaning: "declined: expired_card",
            outcome: declined("expired_card", "expired_card", "Your card has expired.")),
        PaymentToken(
            name: "pm_card_chargeDeclinedIncorrectCvc", meaning: "declined: incorrect_cvc",
            outcome: declined("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")),
        PaymentToken(
            name: "pm_card_chargeDeclinedFraudulent", meaning: "declined: card_declined, fraudulent",
            outcome: declined("card_declined", "fraudulent", "Your card was declined.")),
        PaymentToken(
            name: "pm_card_chargeDeclinedProcessingError", meaning: "declined: processing_error",
            outcome: declined("processing_error", nil, "An error occurred while processing your card. Try again in a little bit.")),

        PaymentToken(name: "pm_sim_timeoutTaken", meaning: "the money is taken, and no answer comes", answer: .hangsAfter),
        PaymentToken(name: "pm_sim_timeoutNotTaken", meaning: "nothing is taken, and no answer comes, each time", answer: .hangsBefore),
        PaymentToken(name: "pm_sim_timeoutOnce", meaning: "no answer and nothing taken the first time; then it succeeds", answer: .hangsOnce),
        PaymentToken(name: "pm_sim_timeoutTakenLate", meaning: "no answer; the money is taken --late-ms later", answer: .hangsThenEffect),
        PaymentToken(name: "pm_sim_late", meaning: "the money is taken at once, the answer comes --late-ms later", answer: .late),
        PaymentToken(name: "pm_sim_500Once", meaning: "500 and nothing taken the first time; then it succeeds", answer: .failsOnce),
        PaymentToken(name: "pm_sim_500Taken", meaning: "the money is taken, and the answer is 500 each time", answer: .failsAfter),
        PaymentToken(name: "pm_sim_closedTaken", meaning: "the money is taken, and the connection is closed without an answer", answer: .closesAfter),
        PaymentToken(
            name: "pm_sim_twice", meaning: "tries to take the money twice (it is taken once), and answers twice on one connection", answer: .twice),

        PaymentToken(name: "pm_sim_bankSuccess", meaning: "processing; succeeds after --settle-ms, told by webhook", settlement: .later),
        PaymentToken(
            name: "pm_sim_bankFailure", meaning: "processing; fails after --settle-ms, told by webhook",
            outcome: declined("payment_intent_payment_attempt_failed", nil, "The bank transfer did not arrive."), settlement: .later),
        PaymentToken(name: "pm_sim_bankNever", meaning: "processing for ever; can be called off", settlement: .never),
        PaymentToken(
            name: "pm_sim_bankLocked", meaning: "processing; succeeds after --settle-ms and cannot be called off meanwhile", settlement: .later,
            canCancelProcessing: false),
        PaymentToken(
            name: "pm_sim_bankSilent", meaning: "processing; succeeds after --settle-ms, and no webhook tells it", settlement: .later, events: .none),
        PaymentToken(name: "pm_sim_walletSuccess", meaning: "processing; succeeds after --settle-ms, told by webhook", settlement: .later),
        PaymentToken(
            name: "pm_sim_walletFailure", meaning: "processing; fails after --settle-ms, told by webhook",
            outcome: declined("payment_intent_payment_attempt_failed", nil, "The buyer refused in the wallet."), settlement: .later),

        PaymentToken(name: "pm_sim_webhookTwice", meaning: "succeeds; each webhook comes twice", events: .twice),
        PaymentToken(name: "pm_sim_webhookLate", meaning: "succeeds; its webhook comes --late-ms later", events: .late),
        PaymentToken(name: "pm_sim_webhookNever", meaning: "succeeds; no webhook comes", events: .none),
        PaymentToken(name: "pm_sim_webhookOutOfOrder", meaning: "succeeds; a stale 'processing' comes after 'succeeded'", events: .outOfOrder),
        PaymentToken(name: "pm_sim_webhookForged", meaning: "succeeds; a webhook with a wrong signature says it failed", events: .forged),
        PaymentToken(
            name: "pm_sim_webhookForgedSuccess", meaning: "declined; a webhook with a wrong signature says it succeeded", outcome: generic,
            events: .forged),
        PaymentToken(
            name: "pm_sim_webhookLies", meaning: "declined; a webhook with the right signature says it succeeded", outcome: generic, events: .lying),
        PaymentToken(name: "pm_sim_webhookFirst", meaning: "succeeds; the webhook comes before the answer", answer: .afterWebhook),

        PaymentToken(name: "pm_sim_refundLater", meaning: "succeeds; refunds are pending for --settle-ms, then succeed", refunds: .later),
        PaymentToken(name: "pm_sim_refundFails", meaning: "succeeds; refunds are pending for --settle-ms, then fail", refunds: .failLater),
    ]
}
